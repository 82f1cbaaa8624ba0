//! Made-up traffic against those who read it: it decodes, adds up, and what mines in it is found.

use std::collections::BTreeMap;

use pithead_bench::{Tools, in_memory, recipe, run};
use pithead_capture::PacketSource;
use pithead_detect::Body;
use pithead_traffic::{Generator, Recipe, SCRIPTS, Sizes, Writer};
use pithead_wire::{Checksums, Decoded, LinkType, decode};

fn recipes() -> Vec<Recipe> {
    let sizes = [
        Sizes::Fixed(64),
        Sizes::Fixed(128),
        Sizes::Fixed(1518),
        Sizes::Imix,
        Sizes::Mean(127),
        Sizes::Mean(774),
    ];
    sizes
        .into_iter()
        .flat_map(|sizes| {
            [0.0, 0.5].map(|ipv6| Recipe { sizes, ipv6, flows: 500, miners: 0.1, ..Recipe::default() })
        })
        .collect()
}

fn bytes(recipe: &Recipe, frames: usize) -> Vec<u8> {
    let mut generator = Generator::new(recipe);
    let mut bytes = Vec::new();
    (0..frames).for_each(|_| _ = generator.append(&mut bytes));
    bytes
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    for recipe in recipes() {
        assert!(bytes(&recipe, 5_000) == bytes(&recipe, 5_000), "{recipe:?}");
        assert!(bytes(&Recipe { seed: 2, ..recipe.clone() }, 5_000) != bytes(&recipe, 5_000), "{recipe:?}");
    }
}

#[test]
fn every_frame_decodes_with_good_checksums() {
    for recipe in recipes() {
        let (mut generator, mut frame, mut last) = (Generator::new(&recipe), Vec::new(), 0);
        for number in 0..20_000 {
            frame.clear();
            let made = generator.append(&mut frame);
            assert!(made.len == frame.len() && (60..=1534).contains(&made.len), "{made:?}");
            assert!(made.at_ns >= last);
            last = made.at_ns;
            let decoded = decode(LinkType::ETHERNET, &frame, Checksums::Verify);
            assert!(matches!(decoded, Ok(Decoded::Packet(_))), "frame {number} of {recipe:?}: {decoded:?}");
        }
    }
}

#[test]
fn means_are_met() {
    for (mean, flows) in [(127, 1_000), (774, 1_000), (1_200, 100)] {
        let recipe = Recipe { sizes: Sizes::Mean(mean), flows, ..Recipe::default() };
        let measured = bytes(&recipe, 100_000).len() as f64 / 100_000.0;
        assert!((measured - f64::from(mean)).abs() < f64::from(mean) * 0.01, "{mean}: {measured}");
    }
}

#[test]
fn flows_are_as_many_as_were_wanted_and_all_end() {
    let tools = Tools::new().expect("an engine");
    let recipe = Recipe { flows: 2_000, new_flows_per_second: 10_000, miners: 0.0, ..Recipe::default() };
    let mut generator = Generator::new(&recipe);
    let mut source = in_memory(&mut generator, 100_000);
    let mut frame = Vec::new();
    while let Some(made) = {
        frame.clear();
        generator.append_end(&mut frame)
    } {
        source.push(&frame, pithead_bench::at(made.at_ns));
    }
    let mut pipeline = tools.pipeline(0, 1);
    let frames = run(&mut source, &mut pipeline).expect("frames in memory");
    let counters = pipeline.report(frames, false).counters;
    assert_eq!((counters.frames.decoded, counters.frames.read), (frames, frames));
    // Two thousand at first, and ten thousand a second for a tenth of one, less what it took to begin.
    assert!((2_800..=3_000).contains(&counters.flows.flows), "{:?}", counters.flows);
}

#[test]
fn every_script_is_found_as_what_it_is() {
    let tools = Tools::new().expect("an engine");
    for script in SCRIPTS {
        let recipe = Recipe { miners: 1.0, dialects: vec![script], flows: 20, ..Recipe::default() };
        let mut pipeline = tools.pipeline(0, 1);
        run(&mut in_memory(&mut Generator::new(&recipe), 3_000), &mut pipeline).expect("frames in memory");
        pipeline.finish();
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for event in pipeline.report(3_000, true).events {
            if let Body::Flow { end: Some(_), mining: Some(mining), .. } = &event.body {
                *found.entry(mining.dialect).or_default() += 1;
            }
        }
        let right = found.get(script.dialect).copied().unwrap_or(0);
        assert!(right >= 20 && right * 2 > found.values().sum(), "{}: {found:?}", script.dialect);
    }
}

#[test]
fn named_traces_and_captures_can_be_read() {
    let mut capture = Writer::new(Vec::new()).expect("memory");
    let (mut generator, mut frame) = (Generator::new(&recipe("imix", 100).expect("a trace")), Vec::new());
    let made = generator.append(&mut frame);
    capture.write(made.at_ns, &frame).expect("memory");
    assert!(recipe("large", 0).is_ok());
    assert!(recipe("huge", 1).unwrap_err().to_string().contains("small, imix, large"));
    let mut source = in_memory(&mut Generator::new(&recipe("imix", 100).expect("a trace")), 1);
    let batch = source.next_batch().expect("memory").expect("a frame");
    assert_eq!((batch.frame(0).bytes, batch.frame(0).at.nanos()), (&frame[..], made.at_ns as i64));
}
