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
#[cfg(target_os = "linux")]
use crate::cli::{ModeArg, OthersArg};
#[cfg(target_os = "linux")]
use crate::commands::length_of_time;

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
    pub(super) behaviour: RawBehaviour,
    pub(super) hosts: RawHosts,
    pub(super) names: RawNames,
    #[cfg(target_os = "linux")]
    pub(super) tap: RawTap,
    #[cfg(target_os = "linux")]
    pub(super) eve: RawEve,
    #[cfg(target_os = "linux")]
    pub(super) metrics: RawMetrics,
    #[cfg(target_os = "linux")]
    pub(super) syslog: RawSyslog,
    #[cfg(target_os = "linux")]
    pub(super) control: RawControl,
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
    pub(super) patience_bytes: Option<Count<0>>,
    pub(super) max_records: Option<Count<0>>,
    pub(super) max_messages: Option<Count<0>>,
    pub(super) max_windows: Option<Count<0>>,
}

#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawBehaviour {
    pub(super) max_flows: Option<Count<0>>,
    pub(super) confidence: Option<Confidence>,
}

/// How sure: more than 0, up to 1.
#[derive(Clone, Copy, Debug, Read)]
#[serde(try_from = "f64")]
pub(super) struct Confidence(pub(super) f64);

impl TryFrom<f64> for Confidence {
    type Error = anyhow::Error;

    fn try_from(confidence: f64) -> Result<Self> {
        if !(confidence > 0.0 && confidence <= 1.0) {
            bail!("confidence = {confidence}: must be above 0 and at most 1");
        }
        Ok(Self(confidence))
    }
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

/// Live links.
#[cfg(target_os = "linux")]
#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawTap {
    pub(super) interfaces: List<Text>,
    pub(super) mode: Option<RawMode>,
    pub(super) workers: Option<Count<1>>,
    pub(super) cores: Option<Text>,
    pub(super) ports: List<Port>,
    pub(super) nets: List<RawNet>,
    pub(super) filter: Option<Text>,
    pub(super) others: Option<RawOthers>,
    pub(super) busy_poll: Option<Flag>,
    pub(super) setup_nic: Option<Flag>,
    pub(super) queues: Option<Count<1>>,
    pub(super) stats_every: Option<RawTime>,
}

/// The file of events.
#[cfg(target_os = "linux")]
#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawEve {
    pub(super) path: Option<RawFolder>,
    pub(super) flows: Option<Flag>,
    pub(super) hosts: Option<Flag>,
    pub(super) rotate_bytes: Option<Count<1>>,
    pub(super) rotate_every: Option<RawTime>,
    pub(super) keep: Option<Count<0>>,
}

/// The page for Prometheus.
#[cfg(target_os = "linux")]
#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawMetrics {
    pub(super) listen: Option<Text>,
}

/// The system's log, or another's.
#[cfg(target_os = "linux")]
#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawSyslog {
    pub(super) to: Option<RawAddress>,
}

/// The socket on which a tap is asked.
#[cfg(target_os = "linux")]
#[derive(Debug, Default, Read)]
#[serde(default, deny_unknown_fields, expecting = "a table of settings")]
pub(super) struct RawControl {
    pub(super) socket: Option<RawFolder>,
}

/// A value that is one of the words of the command line.
#[cfg(target_os = "linux")]
fn word<T: clap::ValueEnum>(text: &str) -> Result<T> {
    T::from_str(text, false).map_err(|_| {
        let words = T::value_variants()
            .iter()
            .filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned()));
        anyhow::anyhow!("must be one of {}, not \"{text}\"", words.collect::<Vec<_>>().join(", "))
    })
}

/// How frames come.
#[cfg(target_os = "linux")]
#[derive(Debug, Read)]
#[serde(try_from = "Text")]
pub(super) struct RawMode(pub(super) ModeArg);

#[cfg(target_os = "linux")]
impl TryFrom<Text> for RawMode {
    type Error = anyhow::Error;

    fn try_from(Text(text): Text) -> Result<Self> {
        word(&text).map(Self)
    }
}

/// What becomes of frames that are not taken.
#[cfg(target_os = "linux")]
#[derive(Debug, Read)]
#[serde(try_from = "Text")]
pub(super) struct RawOthers(pub(super) OthersArg);

#[cfg(target_os = "linux")]
impl TryFrom<Text> for RawOthers {
    type Error = anyhow::Error;

    fn try_from(Text(text): Text) -> Result<Self> {
        word(&text).map(Self)
    }
}

/// A length of time such as `15m`.
#[cfg(target_os = "linux")]
#[derive(Debug, Read)]
#[serde(try_from = "Text")]
pub(super) struct RawTime(pub(super) std::time::Duration);

#[cfg(target_os = "linux")]
impl TryFrom<Text> for RawTime {
    type Error = String;

    fn try_from(Text(text): Text) -> Result<Self, String> {
        length_of_time(&text).map(Self)
    }
}

/// Where syslog messages go.
#[cfg(target_os = "linux")]
#[derive(Debug, Read)]
#[serde(try_from = "Text")]
pub(super) struct RawAddress(pub(super) pithead_output::Address);

#[cfg(target_os = "linux")]
impl TryFrom<Text> for RawAddress {
    type Error = String;

    fn try_from(Text(text): Text) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

/// A port.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Port(pub(super) u16);

#[cfg(target_os = "linux")]
impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Count::<1>(port) = Count::deserialize(from)?;
        u16::try_from(port)
            .map(Self)
            .map_err(|_| de::Error::custom(format!("there is no port {port}: the last is 65535")))
    }
}

/// True or false.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Flag(flag))
            }
        }
        from.deserialize_any(Any)
    }
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
#[derive(Debug)]
pub(super) struct Text(pub(super) String);

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
