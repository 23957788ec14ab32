//! What a download shows: a bar on a terminal, lines elsewhere, objects for programs.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::{Value, json};
use tunefork::download::{Event, Fetched};
use tunefork::report::bytes;

use super::style;
use crate::output::say;

/// The least time between two lines or objects that only say how far it is.
const PULSE: Duration = Duration::from_secs(2);

pub(crate) struct Downloads {
    form: Form,
    /// When it was last said how far it is.
    told: Instant,
}

enum Form {
    Bar(ProgressBar),
    Lines,
    Json,
}

impl Downloads {
    pub(crate) fn new(json: bool) -> Self {
        let form = if json {
            Form::Json
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::no_length();
            bar.set_style(style("{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}"));
            Form::Bar(bar)
        } else {
            Form::Lines
        };
        Self { form, told: Instant::now() }
    }

    pub(crate) fn show(&mut self, event: Event<'_>) {
        if let (Form::Bar(bar), Event::File { path, .. }) = (&self.form, event) {
            let name = path.file_name().unwrap_or_default();
            bar.reset();
            bar.unset_length();
            bar.set_message(name.to_string_lossy().into_owned());
        }
        if let Event::Progress { done, length } = event {
            if let Form::Bar(bar) = &self.form {
                bar.set_length(length);
                bar.set_position(done);
                return;
            }
            if self.told.elapsed() < PULSE {
                return;
            }
            self.told = Instant::now();
        }
        let told = match &self.form {
            Form::Json => object(event).map(|object| object.to_string()),
            Form::Lines | Form::Bar(_) => line(event),
        };
        match (&self.form, told) {
            (_, None) => {}
            (Form::Bar(bar), Some(told)) => bar.suspend(|| say(told)),
            (Form::Lines | Form::Json, Some(told)) => say(told),
        }
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

/// What an event is told as; nothing for what another event tells.
fn line(event: Event<'_>) -> Option<String> {
    Some(match event {
        Event::Started { url, resumed: 0 } => format!("from {url}"),
        Event::Started { url, resumed } => {
            format!("from {url}, going on after {}", bytes(resumed))
        }
        Event::Progress { done, length } => format!("{} of {}", bytes(done), bytes(length)),
        Event::Retry { url, failure, wait } => {
            format!("again in {} s: {url}: {failure}", wait.as_secs_f32())
        }
        Event::GivenUp { url, failure } => format!("given up: {url}: {failure}"),
        Event::Done(file) => done(file),
        _ => return None,
    })
}

fn done(file: &Fetched) -> String {
    let was_there = match file.was_there {
        true => "was there, ",
        false => "",
    };
    format!("{}: {was_there}{}, SHA-256 {} ({})", file.path.display(), bytes(file.length), file.sha256, file.basis)
}

fn object(event: Event<'_>) -> Option<Value> {
    Some(match event {
        Event::File { path, number, files } => {
            json!({ "event": "file", "path": path, "number": number, "files": files })
        }
        Event::Started { url, resumed } => {
            json!({ "event": "started", "url": url, "resumed": resumed })
        }
        Event::Progress { done, length } => {
            json!({ "event": "progress", "done": done, "length": length })
        }
        Event::Retry { url, failure, wait } => json!({
            "event": "retry",
            "url": url,
            "message": failure.to_string(),
            "wait_seconds": wait.as_secs_f64(),
        }),
        Event::GivenUp { url, failure } => {
            json!({ "event": "given_up", "url": url, "message": failure.to_string() })
        }
        Event::Done(file) => json!({
            "event": "done",
            "path": file.path,
            "bytes": file.length,
            "sha256": file.sha256,
            "basis": file.basis,
            "was_there": file.was_there,
        }),
        _ => return None,
    })
}
