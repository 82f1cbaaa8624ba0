//! What was found, for people, for programs and for a browser.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::trial::Bench;
use crate::cli::BenchArgs;
use crate::columns::table;

/// What was found for one load.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Found {
    /// The frame size, or the capture.
    #[serde(rename = "load")]
    pub(super) name: String,
    pub(super) mean_len: f64,
    /// Frames a second with every queue always full, with the loss that was allowed, and without any.
    #[serde(rename = "flat_out_fps")]
    pub(super) most: f64,
    #[serde(rename = "pdr_fps")]
    pub(super) with_little_loss: f64,
    #[serde(rename = "ndr_fps")]
    pub(super) without_loss: f64,
}

/// Everything that was found, and how.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Page {
    version: &'static str,
    engine: String,
    processor: Option<String>,
    cores: Option<usize>,
    workers: usize,
    queue_frames: usize,
    trial_s: f64,
    loss: f64,
    flows: Option<u32>,
    pub(super) rows: Vec<Found>,
}

impl Page {
    pub(super) fn new(args: &BenchArgs, bench: &Bench) -> Self {
        let processor = std::fs::read_to_string("/proc/cpuinfo").ok();
        let model = |text: &str| {
            Some(text.lines().find(|line| line.starts_with("model name"))?.split_once(": ")?.1.to_owned())
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            engine: bench.tools.anchors.engine().to_string(),
            processor: processor.as_deref().and_then(model),
            cores: std::thread::available_parallelism().ok().map(Into::into),
            workers: bench.workers,
            queue_frames: bench.queue,
            trial_s: bench.lasting.as_secs_f64(),
            loss: args.loss,
            flows: args.file.is_none().then_some(args.flows),
            rows: Vec::new(),
        }
    }

    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(super) fn text(&self) -> String {
        let little = format!("{} % loss", self.loss * 100.0);
        let mut table = table(["frames", "without loss", &little, "flat out", "of 10 GbE"]);
        for row in &self.rows {
            table.add_row([
                row.name.clone(),
                row.rate(row.without_loss),
                row.rate(row.with_little_loss),
                row.rate(row.most),
                row.share(),
            ]);
        }
        format!("{table}\n{}\n", self.conditions())
    }

    /// A page by itself: nothing is loaded from anywhere.
    pub(super) fn html(&self) -> String {
        let most = self.rows.iter().map(|row| row.most).fold(1.0, f64::max);
        let mut rows = String::new();
        for row in &self.rows {
            let bar = |class: &str, fps: f64| {
                format!("<i class={class} style=\"width:{:.1}%\"></i>", fps / most * 100.0)
            };
            let bars = bar("a", row.without_loss) + &bar("b", row.with_little_loss) + &bar("c", row.most);
            let cells =
                [row.rate(row.without_loss), row.rate(row.with_little_loss), row.rate(row.most), row.share()];
            let name = row.name.replace('&', "&amp;").replace('<', "&lt;");
            writeln!(
                rows,
                "<tr><th>{name}</th><td>{}</td><td class=w>{bars}</td></tr>",
                cells.join("</td><td>")
            )
            .expect("a string takes all");
        }
        HTML.replace("{rows}", &rows)
            .replace("{loss}", &format!("{}", self.loss * 100.0))
            .replace("{conditions}", &self.conditions().replace('&', "&amp;").replace('<', "&lt;"))
    }

    fn conditions(&self) -> String {
        let unknown = || "unknown".to_owned();
        let processor = self.processor.clone().unwrap_or_else(unknown);
        let cores = self.cores.map_or_else(unknown, |cores| cores.to_string());
        let flows =
            self.flows.map_or_else(|| "a capture, sent round".to_owned(), |flows| format!("{flows} flows"));
        format!(
            "In memory, without a NIC: {} worker(s), queues of {} frames, {flows}, trials of {} s.\n\
             pithead {}, {}; {processor}, {cores} cores.",
            self.workers, self.queue_frames, self.trial_s, self.version, self.engine
        )
    }
}

impl Found {
    fn rate(&self, fps: f64) -> String {
        if fps == 0.0 {
            return "none found".to_owned();
        }
        format!("{:.3} Mpps, {:.2} Gbit/s", fps / 1e6, fps * self.mean_len * 8.0 / 1e9)
    }

    /// Of what ten gigabits hold of such frames, without loss: with check sequence, preamble and gap each takes 24 bytes more.
    fn share(&self) -> String {
        format!("{:.0} %", self.without_loss * (self.mean_len + 24.0) * 8.0 / 1e10 * 100.0)
    }
}

const HTML: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pithead bench</title>
<style>
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #8884;font-variant-numeric:tabular-nums}
.w{width:30%}i{display:block;height:.35rem;margin:2px 0;border-radius:2px}.a{background:#0969da}.b{background:#bc4c00}.c{background:#8c959f}p{white-space:pre-line}
</style>
<h1>pithead bench</h1>
<table><thead><tr><th>frames</th><th>without loss</th><th>{loss} % loss</th><th>flat out</th><th>of 10 GbE</th><th></th></tr></thead>
<tbody>
{rows}</tbody></table>
<p>{conditions}</p>
</html>
"#;
