//! `watched`: what a long, quiet flow looks like, and what that speaks for.

use pithead_detect::behaviour;
use pithead_flow::{Asks, Said, Shape};
use serde::Serialize;
use serde_json::Number;

use super::number::rounded;
use crate::record::{Behaviour, Verdict};

/// What a flow looks like.
#[derive(Debug, Serialize)]
pub(super) struct Watched {
    seconds: u64,
    tls: bool,
    requests: u16,
    answered: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_delay: Option<Number>,
    pushed: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    push_gap: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push_variation: Option<Number>,
    prodded: u16,
    hasty: u16,
    longest_silence: u16,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    request_sizes: Vec<Size>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answer_sizes: Vec<Size>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    push_sizes: Vec<Size>,
    /// Told here where `mining` does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Number>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
}

/// Messages of one size.
#[derive(Debug, Serialize)]
struct Size {
    bytes: u16,
    count: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variation: Option<Number>,
}

/// Why it is thought to mine, or not to.
#[derive(Debug, Serialize)]
pub(super) struct Reason {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<Number>,
    text: String,
}

impl Watched {
    /// What a flow looks like that was alerted for it, or that was watched besides.
    pub(super) fn of(verdict: Option<&Verdict>, besides: Option<&Behaviour>) -> Option<Self> {
        match verdict {
            Some(Verdict::Behaviour(behaviour)) => Some(Self::new(&behaviour.shape)),
            _ => besides.map(|Behaviour { shape, assessment, .. }| Self {
                confidence: confident(assessment.confidence),
                reasons: Reason::all(assessment.reasons.clone()),
                ..Self::new(shape)
            }),
        }
    }

    fn new(shape: &Shape) -> Self {
        let gaps = shape.pushed.saturating_sub(1);
        Self {
            seconds: shape.watched.as_secs(),
            tls: shape.tls,
            requests: shape.asked,
            answered: shape.answered,
            answer_delay: shape.delay.and_then(hundredths),
            pushed: shape.pushed,
            push_gap: shape.push_gaps.mean(gaps).and_then(hundredths),
            push_variation: shape.push_gaps.variation(gaps).and_then(hundredths),
            prodded: shape.prodded,
            hasty: shape.hasty,
            longest_silence: shape.silence,
            request_sizes: shape.asks.iter().filter(|asks| asks.said.count > 0).map(Size::asked).collect(),
            answer_sizes: Size::all(&shape.answers),
            push_sizes: Size::all(&shape.pushes),
            confidence: None,
            reasons: Vec::new(),
        }
    }
}

impl Size {
    fn asked(asks: &Asks) -> Self {
        let gaps = asks.said.count.saturating_sub(1);
        Self {
            gap: asks.gaps.mean(gaps).and_then(hundredths),
            variation: asks.gaps.variation(gaps).and_then(hundredths),
            ..Self::new(asks.said)
        }
    }

    const fn new(said: Said) -> Self {
        Self { bytes: said.size, count: said.count, gap: None, variation: None }
    }

    fn all(said: &[Said]) -> Vec<Self> {
        said.iter().filter(|said| said.count > 0).copied().map(Self::new).collect()
    }
}

impl Reason {
    pub(super) fn all(reasons: Vec<behaviour::Reason>) -> Vec<Self> {
        let told = |behaviour::Reason { name, weight, text }| Self { name, weight: rounded(weight), text };
        reasons.into_iter().map(told).collect()
    }
}

/// A confidence: a tenth of a per cent is more than anybody should read into it.
pub(super) fn confident(confidence: f64) -> Option<Number> {
    rounded((confidence * 1000.0).round() / 1000.0)
}

fn hundredths(value: f64) -> Option<Number> {
    rounded((value * 100.0).round() / 100.0)
}
