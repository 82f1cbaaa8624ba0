"""What scripts/judge-behaviour makes its captures of, and how it judges what pithead says of them."""
