//! Coin addresses by their shape.
//!
//! Shape only: prefix, alphabet and length, as each coin's own documents give them. Checksums are not computed, since a mistyped or made-up
//! address mines as well as a right one. Where several coins share a shape, no coin is named.

/// An account name taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    /// The part that is shaped like an address.
    pub wallet: &'a str,
    /// The coin, where the shape tells.
    pub coin: Option<&'static str>,
    /// What follows the address: the machine's name.
    pub worker: Option<&'a str>,
}

/// Letters of an address.
#[derive(Clone, Copy)]
enum Alphabet {
    Base58,
    /// Bech32 and its cousins, lower case.
    Base32,
    Hex,
    Alphanumeric,
}

/// Prefix, alphabet of the rest, least and most characters in all, and the coin.
type Shape = (&'static str, Alphabet, usize, usize, Option<&'static str>);

/// The more exact shape stands first.
const SHAPES: &[Shape] = &[
    ("bc1", Alphabet::Base32, 42, 62, Some("BTC")),
    ("ltc1", Alphabet::Base32, 43, 63, Some("LTC")),
    ("kaspa:", Alphabet::Base32, 67, 69, Some("KAS")),
    ("cfx:", Alphabet::Alphanumeric, 46, 60, Some("CFX")),
    ("ckb1", Alphabet::Base32, 46, 104, Some("CKB")),
    ("grin1", Alphabet::Base32, 63, 63, Some("GRIN")),
    ("xel:", Alphabet::Base32, 63, 64, Some("XEL")),
    ("zs1", Alphabet::Base32, 78, 78, Some("ZEC")),
    ("u1", Alphabet::Base32, 100, 220, Some("ZEC")),
    ("karlsen:", Alphabet::Base32, 69, 71, Some("KLS")),
    ("pyrin:", Alphabet::Base32, 67, 69, Some("PYI")),
    ("bitcoincash:", Alphabet::Base32, 54, 54, Some("BCH")),
    ("aleo1", Alphabet::Base32, 63, 63, Some("ALEO")),
    ("dgb1", Alphabet::Base32, 43, 63, Some("DGB")),
    ("vtc1", Alphabet::Base32, 43, 63, Some("VTC")),
    ("zeph", Alphabet::Base58, 90, 110, Some("ZEPH")),
    ("ZEPH", Alphabet::Base58, 90, 110, Some("ZEPH")),
    ("k:", Alphabet::Hex, 66, 66, Some("KDA")),
    ("nexa:", Alphabet::Base32, 48, 60, Some("NEXA")),
    ("dero1", Alphabet::Base32, 66, 66, Some("DERO")),
    ("NQ", Alphabet::Alphanumeric, 36, 36, Some("NIM")),
    ("Wo", Alphabet::Base58, 97, 108, Some("WOW")),
    ("TRTL", Alphabet::Base58, 99, 99, Some("TRTL")),
    ("hvx", Alphabet::Base58, 98, 98, Some("XHV")),
    ("Sm", Alphabet::Base58, 95, 98, None),
    ("Se", Alphabet::Base58, 95, 98, None),
    ("4", Alphabet::Base58, 95, 95, Some("XMR")),
    ("4", Alphabet::Base58, 106, 106, Some("XMR")),
    ("8", Alphabet::Base58, 95, 95, Some("XMR")),
    ("0x", Alphabet::Hex, 42, 42, None),
    ("t1", Alphabet::Base58, 35, 35, None),
    ("t3", Alphabet::Base58, 35, 35, Some("ZEC")),
    ("Ds", Alphabet::Base58, 35, 35, Some("DCR")),
    ("9", Alphabet::Base58, 51, 51, Some("ERG")),
    ("1", Alphabet::Base58, 44, 46, Some("ALPH")),
    ("1", Alphabet::Base58, 26, 34, Some("BTC")),
    ("3", Alphabet::Base58, 33, 34, None),
    ("L", Alphabet::Base58, 33, 34, Some("LTC")),
    ("M", Alphabet::Base58, 33, 34, None),
    ("D", Alphabet::Base58, 34, 34, None),
    ("X", Alphabet::Base58, 34, 34, Some("DASH")),
    ("R", Alphabet::Base58, 34, 34, None),
    ("G", Alphabet::Base58, 34, 34, None),
    ("", Alphabet::Hex, 64, 64, None),
];

/// The longest word before a colon that belongs to an address: `bitcoincash`.
const SCHEME: usize = 11;
/// Digits of a payment's id, of the short kind and of the long.
const PAYMENT: [usize; 2] = [16, 64];

/// Takes an account name apart: an address, then perhaps `.worker`, `/worker` or `+difficulty`.
pub fn account(user: &str) -> Option<Account<'_>> {
    // A prefix such as `solo:` or a second wallet after `;` is a pool's own notation.
    let user = user.strip_prefix("solo:").unwrap_or(user);
    let (start, scheme) = match user.find(':') {
        Some(colon) if colon <= SCHEME && colon + 1 < user.len() => (colon + 1, true),
        _ => (0, false),
    };
    let end =
        user[start..].find(['.', '/', '+', '_', ';', ',', '-', ':', ' ']).map_or(user.len(), |at| at + start);
    let (wallet, rest) = user.split_at(end);
    let coin = shape(wallet).or_else(|| if scheme { shape(&wallet[start..]) } else { None })?;
    let worker =
        rest.get(1..).filter(|_| rest.starts_with(['.', '/', '_'])).filter(|worker| !worker.is_empty());
    let worker = worker
        .map(|worker| worker.split(['/', '+']).next().unwrap_or(worker))
        .map(machine)
        .filter(|worker| !worker.is_empty());
    Some(Account { wallet, coin, worker })
}

/// What names the machine in what follows an address: Monero's pools let an id for payments stand in between.
fn machine(rest: &str) -> &str {
    let (first, machine) = rest.split_once('.').unwrap_or((rest, ""));
    let payment = PAYMENT.contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_hexdigit());
    if payment { machine } else { rest }
}

/// The coin of an address; `Some(None)` if it is an address of which coin cannot be told.
fn shape(text: &str) -> Option<Option<&'static str>> {
    SHAPES.iter().find(|shape| fits(text, shape)).map(|(.., coin)| *coin)
}

fn fits(text: &str, (prefix, alphabet, least, most, _): &Shape) -> bool {
    (*least..=*most).contains(&text.len())
        && text.strip_prefix(prefix).is_some_and(|rest| {
            rest.bytes().all(|byte| match alphabet {
                Alphabet::Base58 => {
                    byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l')
                }
                Alphabet::Base32 => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
                Alphabet::Hex => byte.is_ascii_hexdigit(),
                Alphabet::Alphanumeric => byte.is_ascii_alphanumeric(),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(user: &str) -> Option<(usize, Option<&'static str>, Option<&str>)> {
        account(user).map(|account| (account.wallet.len(), account.coin, account.worker))
    }

    #[test]
    fn addresses_are_known_by_shape() {
        let monero = format!("4{}", "A".repeat(94));
        assert_eq!(parts(&monero), Some((95, Some("XMR"), None)));
        assert_eq!(parts(&format!("{monero}.rig7")), Some((95, Some("XMR"), Some("rig7"))));
        assert_eq!(parts(&format!("{monero}+25000")), Some((95, Some("XMR"), None)));
        assert_eq!(
            parts(&format!("0x{}.gpu/mail@example.org", "ab".repeat(20))),
            Some((42, None, Some("gpu")))
        );
        assert_eq!(parts(&format!("kaspa:q{}.w", "z".repeat(60))), Some((67, Some("KAS"), Some("w"))));
        let paid = "0d".repeat(32);
        assert_eq!(
            parts(&format!("{monero}.{paid}.rig7/a@b.example")),
            Some((95, Some("XMR"), Some("rig7")))
        );
        assert_eq!(parts(&format!("{monero}.{paid}")), Some((95, Some("XMR"), None)));
        assert_eq!(parts(&format!("bitcoincash:q{}.w", "z".repeat(41))), Some((54, Some("BCH"), Some("w"))));
        assert_eq!(parts(&format!("karlsen:q{}", "z".repeat(60))), Some((69, Some("KLS"), None)));
        assert_eq!(parts(&format!("XMR:{monero}.w")), Some((99, Some("XMR"), Some("w"))));
    }

    #[test]
    fn ordinary_accounts_are_not_addresses() {
        for user in [
            "",
            "admin",
            "user.worker1",
            "jane.doe@example.org",
            "x",
            "0xdeadbeef",
            "4",
            ":",
            "a:",
            "root:toor",
        ] {
            assert_eq!(account(user), None, "{user}");
        }
    }
}
