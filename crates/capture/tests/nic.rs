//! What a NIC is and can, asked of veth pairs in a network namespace of the test's own; and their settings, changed and given back.
#![cfg(target_os = "linux")]

mod namespace;

use namespace::{in_namespace, ip};
use pithead_capture::nic::{self, Arranged, Change, Driver, Limited, Nic, Unknown, Wish};

fn pair(queues: u32) -> Nic {
    let end = format!("numrxqueues {queues} numtxqueues {queues}");
    ip(&format!("link add va {end} type veth peer name vb {end}"));
    ip("link set va up");
    ip("link set vb up");
    nic::survey("va").unwrap()
}

#[test]
fn a_veth_tells_what_it_is() {
    in_namespace("a_veth_tells_what_it_is", || {
        let va = pair(4);
        assert_eq!((va.link.name.as_str(), va.link.up, va.link.loopback), ("va", true, false));
        assert_eq!(va.link.carrier, Ok(true));
        assert_eq!(va.link.mtu, Ok(1500));
        assert_eq!(va.driver.as_deref(), Ok("veth"));
        assert_eq!(va.rx_queues, Ok(4));
        assert_eq!(va.channels.unwrap().rx, Limited { now: 4, max: 4 });
        assert!(va.features.unwrap().switchable.contains("rx-gro"));
        // It has none of these, and says so by not answering.
        assert_eq!(va.rss, Err(Unknown::Untold));
        assert_eq!(va.interrupts, Err(Unknown::Untold));
        let queues =
            va.queues.map(|queues| queues.iter().map(|queue| (queue.id, queue.held)).collect::<Vec<_>>());
        if let Ok(queues) = queues {
            assert_eq!(queues, [(0, false), (1, false), (2, false), (3, false)]);
        }
    });
}

#[test]
fn a_link_that_is_renamed_is_followed_and_one_that_is_deleted_is_gone() {
    in_namespace("a_link_that_is_renamed_is_followed_and_one_that_is_deleted_is_gone", || {
        let before = pair(1);
        let mut gauge = nic::Gauge::new("va").unwrap();
        assert!(gauge.read().unwrap().received.is_some());
        ip("link set va down");
        ip("link set va name vc");
        assert!(nic::survey("va").is_err());
        assert_eq!(nic::survey("vc").unwrap().link.index, before.link.index);
        assert_eq!(gauge.link().unwrap().name, "vc");
        ip("link del vc");
        assert_eq!(gauge.read(), Err(Unknown::Gone));
        assert!(nic::survey("vc").is_err());
    });
}

#[test]
fn settings_are_made_and_given_back() {
    in_namespace("settings_are_made_and_given_back", || {
        let before = pair(4);
        Driver::new(&before)
            .and_then(|mut driver| {
                nic::Control::set(&mut driver, &Change::Feature("rx-gro".to_owned(), true))
            })
            .unwrap();
        let before = nic::survey(&before.link.name).unwrap();
        assert!(before.features.as_ref().unwrap().active.contains("rx-gro"));
        let steps = nic::plan(&before, &Wish { queues: Some(2), ..Wish::default() });
        assert!(steps.iter().any(|step| step.to == Change::Feature("rx-gro".to_owned(), false)), "{steps:?}");
        let arranged = Arranged::new("va", Driver::new(&before).unwrap(), steps).unwrap();
        let during = nic::survey("va").unwrap();
        assert_eq!(during.rx_queues, Ok(2));
        assert!(!during.features.unwrap().active.contains("rx-gro"));
        drop(arranged);
        let after = nic::survey("va").unwrap();
        assert_eq!((after.channels, after.features), (before.channels, before.features));
    });
}

#[test]
fn a_setting_that_is_refused_says_why_and_leaves_the_rest_as_it_was() {
    in_namespace("a_setting_that_is_refused_says_why_and_leaves_the_rest_as_it_was", || {
        let before = pair(2);
        let mut steps = nic::plan(&before, &Wish { queues: Some(1), ..Wish::default() });
        let mut channels = before.channels.clone().unwrap();
        channels.rx.now = 64;
        steps.push(nic::Step { to: Change::Channels(channels), from: Change::Channels(channels) });
        let error = Arranged::new("va", Driver::new(&before).unwrap(), steps).unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("va: cannot be set to 64 receive queues: refused: Invalid argument"),
            "{said}"
        );
        assert_eq!(nic::survey("va").unwrap().channels, before.channels);
    });
}
