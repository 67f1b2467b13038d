//! How far was a log read? Shown on a terminal, and nowhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use llm_breaker::replay::log::Input;
use std::time::Duration;

/// A bar on the standard error, which hides itself where that is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn of(inputs: &[Input]) -> Self {
        let size = inputs.iter().map(Input::size).sum::<Option<u64>>();
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(size, target);
        let template = match size {
            Some(_) => "{bar:40} {percent}% {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            None => "{spinner} {bytes} {bytes_per_sec}",
        };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// What is told of each piece that was read.
    pub(crate) fn watch(&self) -> impl Fn(u64) + 'static {
        let bar = self.0.clone();
        move |bytes| bar.inc(bytes)
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
