"""Says how each case went, as it goes, and all of them at the end in one line that machines read too."""

import sys
import time


class Report:
    """The cases of a test script."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0

    def case(self, title, trial):
        """Runs `trial`, which gives back what is wrong, a line each."""
        start = time.monotonic()
        print(f"{self.name}: {title:<52}", end="", flush=True)
        try:
            wrong = list(trial())
        except Exception as error:  # whatever a trial dies of is what is wrong with it
            wrong = [f"{type(error).__name__}: {error}"]
        seconds = time.monotonic() - start
        if not wrong:
            self.passed += 1
            print(f"ok {seconds:6.1f} s")
            return
        self.failed += 1
        print(f"FAILED after {seconds:.1f} s")
        for line in wrong[:8]:
            print(f"    {line[:400]}")
        if len(wrong) > 8:
            print(f"    and {len(wrong) - 8} more")

    def skip(self, title, why):
        self.skipped += 1
        print(f"{self.name}: {title:<52}skipped: {why}")

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.exit(1 if self.failed else 0)
