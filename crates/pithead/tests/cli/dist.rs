//! What is handed out beside the program: the example of a configuration is one, as it stands and with all that is commented out.

use super::support::{Scratch, pithead, root};

fn accepted(settings: &str) {
    let scratch = Scratch::new();
    scratch.file("pithead.toml", settings);
    let path = scratch.text("pithead.toml");
    pithead(["check", "pool.example", "--config", path.as_str()]).ends_with(0).quietly();
}

#[test]
fn the_example_of_a_configuration_is_one() {
    let example = root().join("scripts/dist/pithead.toml");
    let example = std::fs::read_to_string(example).expect("it is there");
    accepted(&example);
    // A setting follows its # without a space, a remark with one.
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let whole: Vec<&str> =
        example.lines().map(|line| if is_setting(line) { &line[1..] } else { line }).collect();
    assert!(whole.len() > example.lines().filter(|line| line.starts_with("# ")).count());
    accepted(&whole.join("\n"));
}
