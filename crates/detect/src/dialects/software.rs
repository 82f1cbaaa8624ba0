//! Names that mining software gives itself, in one place: in logins, subscriptions and `User-Agent`.
//!
//! A name is no proof by itself, since anybody can talk about a miner; dialects ask for it beside a message that fits. Names are matched at
//! their beginning, in any case, and no name is a word that other software could be called by. Left out: which versions there are, and software that hides its name.

/// A program that mines, or that hands work on to miners.
#[derive(Debug)]
pub(crate) struct Software {
    /// How its name begins, in lower case.
    name: &'static str,
    /// The algorithm, where the program has only one.
    pub(crate) algorithm: Option<&'static str>,
    /// The coin, where the program mines only one.
    pub(crate) coin: Option<&'static str>,
}

const fn any(name: &'static str) -> Software {
    Software { name, algorithm: None, coin: None }
}

const fn only(name: &'static str, algorithm: &'static str) -> Software {
    Software { name, algorithm: Some(algorithm), coin: None }
}

const fn coin(name: &'static str, algorithm: &'static str, coin: &'static str) -> Software {
    Software { name, algorithm: Some(algorithm), coin: Some(coin) }
}

/// The longer of two names that begin alike stands first.
const SOFTWARE: &[Software] = &[
    // CPUs, and Monero's kin.
    any("xmrig"),
    any("xmr-stak"),
    any("xmr-node"),
    any("xmr_node_proxy"),
    any("xmr/"),
    any("xmrminer"),
    any("stak/"),
    any("cast_xmr"),
    any("moneroocean"),
    any("mo-miner"),
    any("meta-miner"),
    any("xlarig"),
    any("rhminer"),
    any("deepminer"),
    any("coinhive"),
    any("minergate"),
    any("claymore"),
    any("cpuminer"),
    any("minerd"),
    // Graphics cards.
    any("ccminer"),
    any("sgminer"),
    any("srbminer"),
    any("teamredminer"),
    any("nanominer"),
    any("wildrig"),
    any("lolminer"),
    any("gminer"),
    any("bminer"),
    any("nbminer"),
    any("bzminer"),
    any("t-rex"),
    any("onezerominer"),
    any("rigel/"),
    any("phoenixminer"),
    only("ethminer", "ethash"),
    only("etcminer", "etchash"),
    only("kawpowminer", "kawpow"),
    only("nheqminer", "equihash"),
    only("ewbf", "equihash"),
    coin("poclbm", "sha256d", "BTC"),
    coin("diablominer", "sha256d", "BTC"),
    coin("phoenix/v", "sha256d", "BTC"),
    coin("rpcminer", "sha256d", "BTC"),
    coin("pyminer", "sha256d", "BTC"),
    coin("hashkill", "sha256d", "BTC"),
    coin("guiminer", "sha256d", "BTC"),
    coin("bitminter", "sha256d", "BTC"),
    any("ufasoft bitcoin"),
    // Machines made for it.
    any("cgminer"),
    any("bfgminer"),
    only("bosminer", "sha256d"),
    only("bmminer", "sha256d"),
    only("btminer", "sha256d"),
    only("btcminer", "sha256d"),
    only("bitaxe", "sha256d"),
    only("nerdminer", "sha256d"),
    only("nerdaxe", "sha256d"),
    only("nerdqaxe", "sha256d"),
    only("whatsminer", "sha256d"),
    only("luxminer", "sha256d"),
    any("braiins"),
    any("antminer"),
    any("iceriverminer"),
    any("godminer"),
    // What stands between miners and pools.
    any("nicehash"),
    any("miningrigrentals"),
    any("stratum-proxy"),
    any("stratum-mining-proxy"),
];

/// The software that calls itself this.
pub(crate) fn software(agent: &str) -> Option<&'static Software> {
    let agent = agent.as_bytes();
    SOFTWARE.iter().find(|software| {
        let name = software.name.as_bytes();
        agent.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    })
}

/// Whether only miners and their proxies call themselves this.
pub(crate) fn is_miner_agent(agent: &str) -> bool {
    software(agent).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn miners_are_known_by_their_names() {
        for agent in ["XMRig/6.26.0 (Linux x86_64)", "cgminer 3.7.2", "bfgminer/5.2.0", "CPUMiner-opt/3.8"] {
            assert!(is_miner_agent(agent), "{agent}");
        }
        assert_eq!(software("poclbm/1.0").and_then(|software| software.coin), Some("BTC"));
        assert_eq!(software("PhoenixMiner/5.5c").and_then(|software| software.algorithm), None);
    }

    #[test]
    fn others_are_not() {
        for agent in [
            "",
            "curl/7.88.1",
            "Mozilla/5.0 (X11; Linux) xmrig",
            "Go-http-client/1.1",
            "Phoenix CRM/2",
            "Grandmaster Chess/3.1",
            "Staking/1",
            "c",
        ] {
            assert!(!is_miner_agent(agent), "{agent}");
        }
    }

    #[test]
    fn no_name_hides_another() {
        for (place, software) in SOFTWARE.iter().enumerate() {
            let hides = SOFTWARE.iter().skip(place + 1).any(|later| later.name.starts_with(software.name));
            assert!(!hides, "{}", software.name);
            assert_eq!(software.name, software.name.to_ascii_lowercase());
        }
    }
}
