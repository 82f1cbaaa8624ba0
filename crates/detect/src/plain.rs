//! Messages without needless escapes.
//!
//! JSON lets every letter of a string be written as an escape: `"m\u0069ning.subscribe"`. Whoever reads it sees the letter, so dialects and
//! their anchors must, too. Quotes, backslashes and control characters stay escaped: without their escapes they would mean something else.

/// Writes `text` into `plain` with all escapes resolved that stand for a printable letter of ASCII. False, and nothing is written, where
/// there is none.
pub(crate) fn resolve(text: &[u8], plain: &mut Vec<u8>) -> bool {
    let Some(first) = memchr::memchr(b'\\', text) else { return false };
    plain.clear();
    let (mut rest, mut at) = (text, first);
    let mut any = false;
    loop {
        let (before, escape) = rest.split_at(at);
        plain.extend_from_slice(before);
        let (letter, length) = letter(escape);
        any |= letter.is_some();
        match letter {
            Some(letter) => plain.push(letter),
            None => plain.extend_from_slice(escape.get(..length).unwrap_or(escape)),
        }
        rest = escape.get(length..).unwrap_or_default();
        match memchr::memchr(b'\\', rest) {
            Some(next) => at = next,
            None => {
                plain.extend_from_slice(rest);
                return any;
            }
        }
    }
}

/// The letter that an escape stands for, if it need not be one, and the escape's length.
fn letter(escape: &[u8]) -> (Option<u8>, usize) {
    match escape {
        [_, b'/', ..] => (Some(b'/'), 2),
        [_, b'u', b'0', b'0', high, low, ..] => {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            let code = digit(*high).zip(digit(*low)).map(|(high, low)| (high << 4 | low) as u8);
            (code.filter(|code| (b' '..=b'~').contains(code) && !matches!(code, b'"' | b'\\')), 6)
        }
        _ => (None, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resolved(text: &str) -> Option<String> {
        let mut plain = b"left over".to_vec();
        resolve(text.as_bytes(), &mut plain).then(|| String::from_utf8(plain).expect("UTF-8"))
    }

    #[test]
    fn letters_come_back() {
        let text = r#"{"m\u0065thod":"\u006dining.subscribe","p":["a\/b"]}"#;
        assert_eq!(resolved(text).as_deref(), Some(r#"{"method":"mining.subscribe","p":["a/b"]}"#));
    }

    #[test]
    fn what_must_be_escaped_stays_so() {
        for text in
            [r#"{"a":"x\"y"}"#, r#"{"a":"\u0022\u005c\u000a\n\\u0041"}"#, "{}", r"\", r"\u00", r"\u004"]
        {
            assert_eq!(resolved(text), None, "{text}");
        }
        assert_eq!(resolved(r#"{"a":"\\\u0041"}"#).as_deref(), Some(r#"{"a":"\\A"}"#));
    }

    proptest! {
        #[test]
        fn it_means_the_same(said in "[ -~\\n\u{e9}]{0,40}", bits: u64) {
            let mut text = String::from("\"");
            for (at, letter) in said.chars().enumerate() {
                let must = matches!(letter, '"' | '\\' | '\n');
                if must || (letter.is_ascii() && bits >> (at % 64) & 1 == 1) {
                    text.push_str(&format!("\\u{:04X}", letter as u32));
                } else {
                    text.push(letter);
                }
            }
            text.push('"');
            let plain = resolved(&text).unwrap_or(text);
            prop_assert_eq!(serde_json::from_str::<String>(&plain).expect("a string"), said);
        }
    }
}
