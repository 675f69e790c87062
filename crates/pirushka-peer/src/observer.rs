//! Who wants to know how the peer does (control socket, service manager, metrics) asks here; the shards answer between
//! two batches.

use std::time::{Duration, Instant};

use crate::shard::Line;
use crate::status::{Fixed, Status};

/// How long a shard may take to tell its totals; it is late only when it is drowning.
const REPORT_PATIENCE: Duration = Duration::from_secs(1);

/// A way to ask a running peer; any number of them, and none keeps it running.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    lines: Vec<Line>,
    fixed: Fixed,
    started: Instant,
}

impl Observer {
    /// Of the shards behind `lines`, started now.
    pub(crate) fn new(lines: Vec<Line>, fixed: Fixed) -> Self {
        Self { lines, fixed, started: Instant::now() }
    }

    /// A snapshot; `None` when the peer has ended or its loop does not turn.
    pub(crate) fn status(&self) -> Option<Status> {
        let reports: Option<Vec<_>> = self.lines.iter().map(|line| line.report(REPORT_PATIENCE)).collect();
        Some(Status::of(&self.fixed, self.started.elapsed().as_secs(), &reports?))
    }
}
