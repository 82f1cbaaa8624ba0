//! What the control thread is asked while it runs: by signals, over the control socket, and by a screen.

use serde_json::{Value, json};

use super::{Behind, CaptureStats, Control, Loaded, Record, RecordBody, Sender};
use crate::signals::Order;
use crate::status::{SinkStatus, Status, WorkerStatus};

/// What the control thread is asked.
pub(crate) enum Ask {
    /// To do something.
    Signal(Order),
    /// To answer.
    Question(Question, Reply),
    /// To take into use what was loaded, or to say why it was not.
    Loaded(anyhow::Result<Loaded>, Option<Reply>),
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// How it goes: a [`Status`].
    Status,
    /// Counters, as in a stats event.
    Counters,
    /// To open the outputs anew.
    Reopen,
    /// To read anew what can be read anew.
    Reload,
}

/// Where the answer goes: what is asked for, or why not. Whoever asked may have left.
pub(crate) type Reply = Sender<Result<Value, String>>;

impl Control<'_> {
    pub(super) fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Signal(Order::End) => self.end(),
            Ask::Signal(Order::Reopen) => {
                self.outlets.sinks.iter().for_each(Behind::reopen);
                self.reload(None);
            }
            Ask::Signal(Order::Reload) => self.reload(None),
            Ask::Question(question, reply) => {
                let answer = match question {
                    Question::Status => {
                        serde_json::to_value(self.status()).map_err(|error| error.to_string())
                    }
                    Question::Counters => Ok(self.counters()),
                    Question::Reopen => {
                        self.outlets.sinks.iter().for_each(Behind::reopen);
                        Ok(json!(format!("{} outputs are opened anew", self.outlets.sinks.len())))
                    }
                    Question::Reload => return self.reload(Some(reply)),
                };
                let _ = reply.send(answer);
            }
            Ask::Loaded(loaded, reply) => self.loaded(loaded, reply),
        }
    }

    /// Begins to read anew. That takes a while, so it is done elsewhere.
    fn reload(&mut self, reply: Option<Reply>) {
        if let Err((why, reply)) = self.reload.begin(reply) {
            refuse(&why, reply);
        }
    }

    /// Takes what was read into use as a whole, or goes on with what there is.
    fn loaded(&mut self, loaded: anyhow::Result<Loaded>, reply: Option<Reply>) {
        self.reload.ended();
        match loaded {
            Ok(loaded) => {
                self.pools.replace(loaded.pools.clone());
                self.aggregator.take_pools(loaded.pools.clone());
                crate::commands::tell(&format!("reloaded: {loaded}"));
                if let Some(reply) = reply {
                    let _ = reply.send(Ok(loaded.json()));
                }
            }
            Err(error) => refuse(&format!("{error:#}"), reply),
        }
    }

    /// How it goes.
    fn status(&mut self) -> Status {
        let stats = self.counters();
        let count = |of: &str| stats["flows"][of].as_u64().unwrap_or(0);
        let sink = |sink: &Behind| SinkStatus {
            name: sink.name().to_owned(),
            written: sink.written(),
            lost: sink.lost(),
        };
        Status {
            flows: count("begun").saturating_sub(count("ended")),
            flows_max: self.flows_max,
            pools: self.pools.now().list().len() as u64,
            workers: self.seats.iter().map(|seat| WorkerStatus { busy: seat.busy }).collect(),
            sinks: self.outlets.sinks.iter().map(sink).collect(),
            alerts: self.alerts.iter().map(|(dialect, count)| ((*dialect).to_owned(), *count)).collect(),
            miners: self.outlets.listener.miners(),
            stats,
        }
    }

    /// The sums as they stand, as a stats event has them.
    fn counters(&mut self) -> Value {
        let capture: Option<CaptureStats> = self.capture(false);
        self.aggregator.set_capture(capture);
        let stats = self.aggregator.stats(self.started.elapsed());
        let record = Record {
            at: Default::default(),
            origin: Default::default(),
            body: RecordBody::Stats(Box::new(stats)),
        };
        let event: Result<Value, _> = serde_json::from_str(&pithead_output::json(&record));
        event.map(|mut event| event["stats"].take()).unwrap_or_default()
    }
}

fn refuse(why: &str, reply: Option<Reply>) {
    crate::commands::complain(&format!("not reloaded, what was in use stays in use: {why}"));
    if let Some(reply) = reply {
        let _ = reply.send(Err(why.to_owned()));
    }
}
