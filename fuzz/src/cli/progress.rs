//! Progress on standard error: a bar on a terminal, nothing anywhere else.

use crate::hunt::{Limit, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a bar is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// The bar of one hunt. It is gone when this is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    started: Instant,
    limit: Limit,
}

impl Bar {
    /// A bar with this title.
    pub(super) fn new(title: &str, limit: Limit) -> Bar {
        let bar = if std::io::stderr().is_terminal() {
            let (length, left) = match limit {
                Limit::Time(time) => (time.as_millis() as u64, "{elapsed_precise}"),
                Limit::Executions(executions) => (executions, "{elapsed_precise}, {eta_precise} left"),
            };
            let style = format!("{{prefix}} [{{bar:30}}] {{msg}} ({left})");
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_prefix(title.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        } else {
            ProgressBar::hidden()
        };
        Bar { bar, started: Instant::now(), limit }
    }
}

impl Progress for Bar {
    fn executions(&self, done: u64) {
        if self.bar.is_hidden() {
            return;
        }
        match self.limit {
            Limit::Time(_) => self.bar.set_position(self.started.elapsed().as_millis() as u64),
            Limit::Executions(_) => self.bar.set_position(done),
        }
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!("{done} programs, {rate:.0} a second"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
