//! The configuration file as it is written: names, values, and what is wrong with them in the words of TOML.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use anyhow::{Result, bail};
use ipnet::IpNet;
use pithead_wire::Checksums;
use serde::Deserialize as Read;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::home_net;

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawConfig {
    pub(super) home_net: Option<List<RawNet>>,
    pub(super) checksums: Option<RawChecksums>,
    pub(super) pool_lists: List<PathBuf>,
    pub(super) cache: Option<RawFolder>,
    pub(super) flows: RawFlows,
    pub(super) fragments: RawFragments,
    pub(super) streams: RawStreams,
    pub(super) detect: RawDetect,
    pub(super) hosts: RawHosts,
    pub(super) names: RawNames,
}

/// A network, read where it is written, so that an error names its line.
#[derive(Debug, Read)]
#[serde(try_from = "Text")]
pub(super) struct RawNet(pub(super) IpNet);

impl TryFrom<Text> for RawNet {
    type Error = anyhow::Error;

    fn try_from(Text(text): Text) -> Result<Self> {
        home_net(&text).map(Self)
    }
}

/// What to do about checksums, likewise.
#[derive(Debug, Read)]
#[serde(try_from = "Text")]
pub(super) struct RawChecksums(pub(super) Checksums);

impl TryFrom<Text> for RawChecksums {
    type Error = anyhow::Error;

    fn try_from(Text(text): Text) -> Result<Self> {
        match text.as_str() {
            "ignore" => Ok(Self(Checksums::Ignore)),
            "verify" => Ok(Self(Checksums::Verify)),
            other => bail!("checksums = \"{other}\": must be \"ignore\" or \"verify\""),
        }
    }
}

/// A kind of tag by which flows are told apart.
#[derive(Debug, Read)]
#[serde(try_from = "Text")]
pub(super) enum RawTag {
    Vlan,
    Vni,
}

impl TryFrom<Text> for RawTag {
    type Error = anyhow::Error;

    fn try_from(Text(text): Text) -> Result<Self> {
        match text.as_str() {
            "vlan" => Ok(Self::Vlan),
            "vni" => Ok(Self::Vni),
            other => bail!("tags = [\"{other}\"]: must be \"vlan\" or \"vni\""),
        }
    }
}

/// A folder, whether it is there or not.
#[derive(Debug, Read)]
#[serde(from = "Text")]
pub(super) struct RawFolder(pub(super) PathBuf);

impl From<Text> for RawFolder {
    fn from(Text(text): Text) -> Self {
        Self(PathBuf::from(text))
    }
}

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawFlows {
    pub(super) max: Option<Count<1>>,
    pub(super) tags: List<RawTag>,
    pub(super) new_timeout_s: Option<Count<1>>,
    pub(super) established_timeout_s: Option<Count<1>>,
    pub(super) closed_timeout_s: Option<Count<1>>,
    pub(super) udp_timeout_s: Option<Count<1>>,
}

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawFragments {
    pub(super) max_bytes: Option<Count<0>>,
    pub(super) max_datagrams: Option<Count<0>>,
    pub(super) timeout_s: Option<Count<1>>,
}

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawStreams {
    pub(super) held_segments: Option<Count<0>>,
    pub(super) held_bytes: Option<Count<0>>,
}

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawDetect {
    pub(super) depth_bytes: Option<Count<0>>,
    pub(super) resume_bytes: Option<Count<0>>,
    pub(super) max_records: Option<Count<0>>,
    pub(super) max_messages: Option<Count<0>>,
}

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawHosts {
    pub(super) max: Option<Count<0>>,
}

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawNames {
    pub(super) max: Option<Count<0>>,
}

/// A whole number, no less than `LEAST`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count<const LEAST: u64>(pub(super) u64);

impl<const LEAST: u64> Count<LEAST> {
    /// The number as a size; one that no memory could hold is the largest there is.
    pub(super) fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const LEAST: u64> Deserialize<'de> for Count<LEAST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(CountVisitor::<LEAST>)
    }
}

struct CountVisitor<const LEAST: u64>;

impl<const LEAST: u64> Visitor<'_> for CountVisitor<LEAST> {
    type Value = Count<LEAST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if LEAST == 0 { f.write_str("a whole number") } else { write!(f, "a whole number, {LEAST} or more") }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        if number < LEAST {
            return Err(E::invalid_value(de::Unexpected::Unsigned(number), &self));
        }
        Ok(Count(number))
    }
}

/// A text.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(text.to_owned()))
            }
        }
        from.deserialize_any(Any)
    }
}

/// A list.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list in [ ]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(List(list))
    }
}

/// What is wrong with a value, as people who write TOML would say it: the parser speaks of the types it reads into.
pub(super) fn in_words(message: &str) -> String {
    let message = message.replace('\n', "; ");
    let Some(rest) =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
    else {
        return message;
    };
    let Some((found, expected)) = rest.split_once(", expected ") else { return message };
    let kinds = [
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("boolean ", ""),
        ("string ", "the text "),
        ("sequence", "a list"),
        ("map", "a table"),
    ];
    let found = kinds
        .iter()
        .find_map(|(kind, word)| Some(format!("{word}{}", found.strip_prefix(kind)?.replace('`', ""))))
        .unwrap_or_else(|| found.to_owned());
    format!("must be {expected}, not {found}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_put_into_words() {
        assert_eq!(
            in_words("invalid type: string \"many\", expected a whole number"),
            "must be a whole number, not the text \"many\""
        );
        assert_eq!(
            in_words("invalid value: integer `-1`, expected a whole number"),
            "must be a whole number, not the number -1"
        );
        assert_eq!(
            in_words("invalid type: map, expected a list in [ ]"),
            "must be a list in [ ], not a table"
        );
        assert_eq!(in_words("something\nelse"), "something; else");
    }
}
