//! The hand-over of reports: full ones one way, emptied ones back, over two bounded queues without locks.
//!
//! A worker never waits and allocates nothing here: if no emptied report has come back, it goes on filling the one it has. As many reports
//! are on the way as were made at the start, so neither queue can overflow.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::report::Report;

/// Reports of a worker beside the one that it fills: one on its way, one being read, and one to spare.
const REPORTS: usize = 3;

/// A worker's end.
#[derive(Debug)]
pub(crate) struct Outbox {
    full: Arc<ArrayQueue<Report>>,
    empty: Arc<ArrayQueue<Report>>,
}

/// The control thread's end.
#[derive(Debug)]
pub(crate) struct Inbox {
    full: Arc<ArrayQueue<Report>>,
    empty: Arc<ArrayQueue<Report>>,
}

/// The two ends, with reports that hold up to so many hosts.
pub(crate) fn pair(hosts: usize) -> (Outbox, Inbox) {
    let (full, empty) = (Arc::new(ArrayQueue::new(REPORTS)), Arc::new(ArrayQueue::new(REPORTS)));
    for _ in 0..REPORTS {
        let _ = empty.push(Report::with_hosts(hosts));
    }
    (Outbox { full: full.clone(), empty: empty.clone() }, Inbox { full, empty })
}

impl Outbox {
    /// An emptied report, if one has come back.
    pub(crate) fn spare(&self) -> Option<Report> {
        self.empty.pop()
    }

    /// Sends a report on its way.
    pub(crate) fn send(&self, report: Report) {
        self.full.push(report).expect("there are only as many reports as the queue has room for");
    }
}

impl Inbox {
    /// The next report, if one has come.
    pub(crate) fn receive(&self) -> Option<Report> {
        self.full.pop()
    }

    /// Gives a report back to be filled again.
    pub(crate) fn give_back(&self, mut report: Report) {
        report.clear();
        self.empty.push(report).expect("there are only as many reports as the queue has room for");
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn without_a_spare_one_the_worker_keeps_its_report() {
        let (outbox, inbox) = pair(10);
        for until in 1..=3 {
            let mut report = outbox.spare().expect("one to spare");
            report.until = until;
            outbox.send(report);
        }
        assert!(outbox.spare().is_none());
        let first = inbox.receive().expect("a report");
        assert_eq!(first.until, 1);
        inbox.give_back(first);
        assert_eq!(outbox.spare().expect("it came back").until, 0, "and was emptied");
    }

    #[test]
    fn every_count_arrives_however_late_it_is_taken() {
        let (outbox, inbox) = pair(10);
        let worker = thread::spawn(move || {
            let mut filling = Report::with_hosts(10);
            for count in 1..=100_000_u64 {
                filling.errors.push(String::new());
                if let Some(spare) = outbox.spare() {
                    filling.until = count;
                    outbox.send(std::mem::replace(&mut filling, spare));
                }
            }
            while outbox.spare().map(|_| outbox.send(std::mem::take(&mut filling))).is_none() {}
        });
        let mut sum = 0;
        while !worker.is_finished() || !inbox.full.is_empty() {
            if let Some(report) = inbox.receive() {
                sum += report.errors.len();
                inbox.give_back(report);
            }
        }
        worker.join().expect("it ends");
        assert_eq!(sum, 100_000);
    }
}
