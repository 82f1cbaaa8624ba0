use std::time::Duration;

use pithead_flow::{Asks, Direction, Gaps, Said};

use super::*;

/// A miner under TLS after nine minutes.
fn miner() -> Shape {
    let mut asks = [Asks::default(); 3];
    let gaps = (0..39).map(|n| [1.5, 3.0, 29.0, 4.0][n % 4]);
    asks[0] = Asks::new(Said { size: 207, count: 40 }, gaps);
    Shape {
        client: Direction::Forward,
        tls: true,
        watched: Duration::from_secs(540),
        asks,
        asked: 41,
        answers: [Said { size: 87, count: 40 }, Said { size: 120, count: 1 }],
        answered: 41,
        delay: Some(0.1),
        pushes: [Said { size: 415, count: 4 }, Said::default()],
        pushed: 4,
        push_gaps: Gaps::of([60.0, 150.0, 90.0]),
        prodded: 0,
        hasty: 1,
        silence: 31,
    }
}

fn judged(shape: &Shape, context: &Context) -> (f64, Vec<&'static str>) {
    let Assessment { confidence, reasons } = assess(shape, context).expect("enough was said");
    (confidence, reasons.iter().map(|reason| reason.name).collect())
}

fn web() -> Context {
    let hello = Some(Hello { names_server: true, names_protocol: true });
    Context { port: 443, hello, ..Context::default() }
}

#[test]
fn all_that_shares_show_is_enough_on_any_port() {
    let (confidence, mut names) = judged(&miner(), &web());
    names.sort_unstable();
    assert_eq!(names, ["pushed-jobs", "random-gaps", "share-sizes", "small-answers"]);
    assert!(confidence > 0.9, "{confidence}");
}

#[test]
fn any_of_it_missing_is_not_unless_more_is_known() {
    let clocked = {
        let mut shape = miner();
        shape.asks[0] = Asks::new(Said { size: 207, count: 40 }, [10.0; 39]);
        shape
    };
    let silent = Shape { pushes: [Said::default(); 2], pushed: 0, ..miner() };
    let small = [Said { size: 21, count: 41 }, Said::default()];
    let acknowledged = Shape { answers: small, ..miner() };
    let large = [Said { size: 900, count: 41 }, Said::default()];
    let served = Shape { answers: large, ..miner() };
    let prodded = Shape { prodded: 4, ..miner() };
    let hasty = Shape { hasty: 30, ..miner() };
    let pinged = Shape { pushes: [Said { size: 90, count: 4 }, Said::default()], ..miner() };
    for shape in [clocked, silent, acknowledged, served, prodded, hasty, pinged] {
        let (confidence, names) = judged(&shape, &web());
        assert!(confidence < 0.9, "{confidence} for {names:?}");
    }
}

#[test]
fn what_is_known_beside_adds_to_it() {
    let silent =
        Shape { pushes: [Said::default(); 2], pushed: 0, watched: Duration::from_secs(120), ..miner() };
    let (before, _) = judged(&silent, &web());
    let pool = Context { pool: Some("pool.example".into()), ..web() };
    let mined = Context { mined_by: Some([10, 0, 0, 9].into()), ..web() };
    for context in [pool, mined] {
        let (after, _) = judged(&silent, &context);
        assert!(before < 0.5 && after > 0.9, "{before} and {after}");
    }
    let bare = Context { port: 31_337, hello: Some(Hello::default()), alike: 2, ..Context::default() };
    let (_, names) = judged(&miner(), &bare);
    for name in ["no-server-name", "no-protocol", "odd-port", "fan-out"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}

#[test]
fn a_name_and_nothing_like_mining_is_no_miner() {
    let mut asks = [Asks::default(); 3];
    asks[0] = Asks::new(Said { size: 400, count: 6 }, [1.0, 40.0, 2.0, 60.0, 3.0]);
    let page = Shape {
        asks,
        asked: 30,
        answers: [Said { size: 9000, count: 3 }, Said { size: 700, count: 4 }],
        answered: 30,
        pushes: [Said::default(); 2],
        pushed: 0,
        ..miner()
    };
    let pool = Context { pool: Some("pool.example".into()), ..web() };
    let (confidence, names) = judged(&page, &pool);
    assert!(confidence < 0.1, "{confidence} for {names:?}");
}

#[test]
fn version_2_is_known_by_its_sizes() {
    let mut shape = Shape { tls: false, ..miner() };
    shape.asks[0].said.size = 62;
    shape.answers = [Said { size: 58, count: 41 }, Said::default()];
    shape.pushes = [Said { size: 87, count: 3 }, Said { size: 86, count: 1 }];
    let (confidence, names) = judged(&shape, &Context::default());
    assert!(confidence > 0.9 && names.contains(&"stratum-v2-sizes"), "{confidence} for {names:?}");
}

#[test]
fn work_asked_for_by_a_clock_is_known_by_that() {
    let mut asks = [Asks::default(); 3];
    asks[0] = Asks::new(Said { size: 98, count: 54 }, [10.0; 53]);
    asks[1] = Asks::new(Said { size: 165, count: 27 }, [20.0; 26]);
    let answers = [Said { size: 260, count: 54 }, Said { size: 56, count: 27 }];
    let pushes = [Said { size: 260, count: 30 }, Said::default()];
    let shape = Shape { asks, asked: 81, answers, answered: 81, pushes, pushed: 30, ..miner() };
    let (confidence, names) = judged(&shape, &web());
    assert!(confidence > 0.9 && names.contains(&"polled-work"), "{confidence} for {names:?}");
}

#[test]
fn too_little_is_not_judged() {
    let mut shape = miner();
    shape.asks[0].said.count = 4;
    assert_eq!(assess(&shape, &web()), None);
}

#[test]
fn dialects_are_on_the_same_scale() {
    let sure = |Trait { name, weight }: Trait| {
        Assessment::of(vec![Reason { name, weight, text: String::new() }]).confidence
    };
    assert!(sure(BOTH_SIDES) > sure(ONE_SIDE) && sure(ONE_SIDE) > sure(BLOCKED));
    assert!(sure(BLOCKED) >= 0.9);
}

#[test]
fn traits_have_names_of_their_own() {
    let all = WEIGHTS.iter().chain([&BOTH_SIDES, &ONE_SIDE, &BLOCKED]).map(|one| one.name);
    let mut names: Vec<&str> = all.collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
