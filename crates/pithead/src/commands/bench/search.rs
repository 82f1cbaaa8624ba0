//! The highest rate at which no more is lost than a goal allows.
//!
//! A search between a rate that holds and one that does not, for several goals at once: what one trial has shown counts for all, as in MLRsearch
//! (draft-ietf-bmwg-mlrsearch). A rate is judged by most of up to three trials, since one trial on a machine that does other things as well says little.

use anyhow::Result;

/// How near the two rates have to be, as a share of the higher one. Half a percent is usual on machines that run nothing else; others are coarser.
const NEAR: f64 = 0.01;
/// Trials of one rate at most, of which more than half decide.
const TRIALS: usize = 3;
/// Below this share of what can be taken at most the search gives up: this machine loses frames at any rate.
const LEAST: f64 = 0.02;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub(super) name: &'static str,
    /// The share of frames that may be lost.
    pub(super) loss: f64,
}

/// For each goal, the goal that allows most first: the highest rate that was seen to keep it, or 0 if none was. `trial` runs one and gives the share
/// that was lost.
pub(super) fn search(
    most: f64,
    goals: &[Goal],
    trial: &mut dyn FnMut(&Goal, f64) -> Result<f64>,
) -> Result<Vec<f64>> {
    let mut found: Vec<f64> = Vec::new();
    // What was taken flat out is kept up by no line, but a little above it is the first rate that surely is too high.
    let mut ceiling = most * 1.1;
    for goal in goals {
        let (mut low, mut high) = (0.0, ceiling);
        // A stricter goal is often kept at the same rate.
        let mut next = found.last().copied().unwrap_or(most * 0.9);
        while next >= most * LEAST && high - low > high * NEAR {
            if holds(goal, next, trial)? {
                low = next;
            } else {
                high = next;
            }
            // Down by halves until something holds, then in between.
            next = if low > 0.0 { f64::midpoint(low, high) } else { high / 2.0 };
        }
        ceiling = (low * (1.0 + NEAR)).max(most * LEAST);
        found.push(low);
    }
    Ok(found)
}

fn holds(goal: &Goal, rate: f64, trial: &mut dyn FnMut(&Goal, f64) -> Result<f64>) -> Result<bool> {
    let (mut kept, mut broken) = (0, 0);
    loop {
        if trial(goal, rate)? <= goal.loss {
            kept += 1;
        } else {
            broken += 1;
        }
        if kept > TRIALS / 2 {
            return Ok(true);
        }
        if broken > TRIALS / 2 {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOALS: [Goal; 2] = [Goal { name: "some", loss: 0.005 }, Goal { name: "none", loss: 0.0 }];

    /// A machine that takes so much without loss, and so much in all.
    fn machine(without_loss: f64, most: f64) -> impl FnMut(&Goal, f64) -> Result<f64> {
        move |_, rate| Ok(if rate <= without_loss { 0.0 } else { ((rate - most) / rate).max(0.001) })
    }

    #[test]
    fn both_rates_are_found_to_a_hundredth() {
        for (without_loss, most) in [(5e6, 8e6), (7.9e6, 8e6), (0.4e6, 8e6), (8e6, 8e6)] {
            let found = search(most, &GOALS, &mut machine(without_loss, most)).expect("trials that succeed");
            let with_some = most / 0.995;
            assert!((with_some * 0.985..=with_some).contains(&found[0]), "{found:?}");
            assert!(
                (without_loss * 0.985..=without_loss * 1.001).contains(&found[1]),
                "{without_loss}: {found:?}"
            );
        }
    }

    #[test]
    fn a_machine_that_always_loses_gets_a_nought_and_an_end() {
        let mut trials = 0;
        let found = search(1e6, &GOALS, &mut |_, _| {
            trials += 1;
            Ok(0.1)
        });
        assert_eq!(found.expect("trials that succeed"), [0.0, 0.0]);
        assert!(trials < 50, "{trials}");
    }

    #[test]
    fn one_bad_trial_of_three_is_forgiven() {
        let mut trials = 0;
        let mut machine = machine(5e6, 8e6);
        let found = search(8e6, &GOALS, &mut |goal, rate| {
            trials += 1;
            if trials % 3 == 0 { Ok(1.0) } else { machine(goal, rate) }
        });
        assert!((4.9e6..=5.0e6).contains(&found.expect("trials that succeed")[1]));
    }
}
