//! The live display on a terminal: a line for each trial under way and one that counts, drawn again several times a
//! second; trials that have ended scroll above.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tunefork::data::Progress;
use tunefork::study::{Event, Observer};
use tunefork::{Listener, StudySpec};

use super::Preparing;
use super::layout;
use super::lines::line;
use super::standing::Standing;
use crate::output::{put, say};
use crate::screen;

/// Between two looks at the trials under way.
const LOOK: Duration = Duration::from_millis(200);

pub(super) struct Live {
    display: Arc<Display>,
    /// Draws from the study's beginning on.
    drawing: Option<JoinHandle<()>>,
    preparing: Option<Preparing>,
}

struct Display {
    state: Mutex<State>,
    /// Signalled at the end.
    over: Condvar,
}

struct State {
    standing: Standing,
    looked: Instant,
    is_over: bool,
}

impl Live {
    pub(super) fn new(spec: &StudySpec) -> Self {
        let state = State { standing: Standing::new(spec), looked: Instant::now(), is_over: false };
        Self {
            display: Arc::new(Display { state: Mutex::new(state), over: Condvar::new() }),
            drawing: None,
            preparing: Some(Preparing::new()),
        }
    }

    fn begin(&mut self) {
        let display = Arc::clone(&self.display);
        // Without another thread there is a study without moving lines.
        self.drawing = Builder::new().name("display".to_owned()).spawn(move || display.keep_drawing()).ok();
    }
}

impl Display {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_drawing(&self) {
        let mut state = self.lock();
        while !state.is_over {
            let (size, lines) = state.look();
            // A terminal that does not take it, as after Ctrl-S, holds up nobody else.
            drop(state);
            screen::draw(size, lines);
            let waited = self.over.wait_timeout_while(self.lock(), LOOK, |state| !state.is_over);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// What is to be drawn now.
    fn look(&mut self) -> (screen::Size, Vec<String>) {
        let now = Instant::now();
        self.standing.pass((now - std::mem::replace(&mut self.looked, now)).as_secs_f64());
        let size = screen::size();
        (size, layout::frame(&self.standing.picture(), size, screen::has_colours()))
    }
}

impl Listener for Live {
    fn preparing(&mut self, progress: Progress) {
        if let Some(preparing) = &mut self.preparing {
            preparing.show(progress);
        }
    }
}

impl Observer for Live {
    fn event(&mut self, event: &Event<'_>) {
        self.preparing = None;
        if let Event::StudyStarted { .. } = event {
            self.display.lock().looked = Instant::now();
            self.begin();
        }
        let mut state = self.display.lock();
        if let Some(trial) = state.standing.hear(event) {
            let (size, lines) = state.look();
            let objective = state.standing.objective();
            drop(state);
            let text = layout::ended(&trial, objective, Some(size.width), screen::has_colours());
            return screen::above_new(size, lines, || put(&text));
        }
        drop(state);
        if let Some(line) = line(event) {
            say(line);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.display.lock().is_over = true;
        self.display.over.notify_all();
        // It has nothing to give back; if it panicked that was told.
        let _ = self.drawing.take().map(JoinHandle::join);
        screen::clear();
    }
}
