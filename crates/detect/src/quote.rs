//! Messages as evidence: printable, short, and without anybody's password.

use crate::json::{Kind, Value};

/// The longest evidence.
const QUOTE: usize = 256;
/// Members whose values are never repeated, in whatever object they stand.
const SECRETS: &[&str] = &["pass", "password", "passwd", "pwd", "token", "api_key", "secret", "cookie"];
/// Methods whose second positional parameter is a password.
const POSITIONAL: &[&str] =
    &["mining.authorize", "mining.authorise", "eth_submitLogin", "eth_login", "login"];

/// The beginning of a message, printable, secrets blotted out.
pub(crate) fn quote(text: &[u8], json: Option<Value<'_>>) -> String {
    let mut secrets: Vec<std::ops::Range<usize>> = Vec::new();
    if let Some(root) = json {
        collect(text, root, 0, &mut secrets);
        secrets.extend(subscribed(text, root));
        if root
            .get("method")
            .and_then(|method| method.text())
            .is_some_and(|method| POSITIONAL.iter().any(|name| method.is(name)))
            && let Some(secret) = root.get("params").and_then(|params| params.at(1))
        {
            secrets.extend(place(text, secret.raw()));
        }
    }
    secrets.extend(requested(text));
    let mut quoted = String::with_capacity(QUOTE);
    let mut count = 0;
    let mut at = 0;
    while at < text.len() && count < QUOTE {
        if let Some(secret) = secrets.iter().find(|secret| secret.contains(&at)) {
            let blot = &"***"[..(QUOTE - count).min(3)];
            quoted.push_str(blot);
            count += blot.len();
            at = secret.end;
            continue;
        }
        let byte = text[at];
        quoted.push(if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' });
        count += 1;
        at += 1;
    }
    quoted
}

fn collect(text: &[u8], value: Value<'_>, depth: usize, secrets: &mut Vec<std::ops::Range<usize>>) {
    if depth > 4 || !matches!(value.kind(), Kind::Object | Kind::Array) {
        return;
    }
    for (name, member) in value.members() {
        // Written by hand, a password may be a number, and a name in capitals.
        let name = name.to_string(QUOTE).to_ascii_lowercase();
        if SECRETS.contains(&name.as_str()) && matches!(member.kind(), Kind::String | Kind::Number) {
            secrets.extend(place(text, member.raw()));
        }
        collect(text, member, depth + 1, secrets);
    }
}

/// Conflux subscribes with account and password where others name their software and a session.
fn subscribed(text: &[u8], root: Value<'_>) -> Option<std::ops::Range<usize>> {
    let params = root.get("params").filter(|_| {
        root.get("method")
            .and_then(|method| method.text())
            .is_some_and(|method| method.is("mining.subscribe"))
    })?;
    let account = params.at(0)?.text()?.starts_with("cfx:");
    if account { place(text, params.at(1)?.raw()) } else { None }
}

/// Duino-Coin's request for a job ends with its user's key.
fn requested(text: &[u8]) -> Option<std::ops::Range<usize>> {
    if !text.starts_with(b"JOB,") && !text.starts_with(b"JOBXX,") {
        return None;
    }
    let key = text.splitn(4, |byte| *byte == b',').nth(3)?;
    place(text, key.split(|byte| *byte == b',').next()?)
}

/// Where a part of the text lies in it.
fn place(text: &[u8], part: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (!part.is_empty() && start + part.len() <= text.len()).then_some(start..start + part.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Tokens;

    fn quoted(text: &str) -> String {
        let mut tokens = Tokens::default();
        quote(text.as_bytes(), tokens.read(text.as_bytes()))
    }

    #[test]
    fn passwords_are_never_repeated() {
        for text in [
            r#"{"id":1,"method":"login","params":{"login":"4abc","pass":"hunter2","agent":"x"}}"#,
            r#"{"id":2,"method":"mining.authorize","params":["u.w", "hunter2"]}"#,
            r#"{"id":2,"method":"mining.authorise","params":["u.w", "hunter2"]}"#,
            r#"{"params":["0xab","hunter2"],"method":"eth_submitLogin"}"#,
            r#"{"id":1,"method":"mining.subscribe","params":["cfx:aa.rig","hunter2"]}"#,
            r#"{"id":1,"method":"login","params":{"login":"4abc","Password":"hunter2"}}"#,
            "JOB,user,LOW,hunter2",
            "JOB,user,AVR,hunter2,more",
        ] {
            let quoted = quoted(text);
            assert!(!quoted.contains("hunter2") && quoted.contains("***"), "{quoted}");
        }
    }

    #[test]
    fn a_password_may_be_a_number() {
        let quoted = quoted(r#"{"method":"login","params":{"login":"4abc","pass":20481}}"#);
        assert!(!quoted.contains("20481") && quoted.contains("4abc"), "{quoted}");
    }

    #[test]
    fn it_is_short_and_printable() {
        assert_eq!(quoted("{\"a\":\"\u{7f}\u{e9}\"}\n"), "{\"a\":\"...\"}.");
        assert_eq!(quoted(&format!("{{\"a\":\"{}\"}}", "x".repeat(999))).len(), QUOTE);
    }
}
