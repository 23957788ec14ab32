//! The lines at the bottom of a terminal that are drawn again and again, and what is printed above them.
//!
//! The cursor rests at the beginning of the first of these lines. So whatever a terminal does with lines when it becomes
//! narrower, wraps them or cuts them, all that is below the cursor is ours, and what is above it is not.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::Term;

/// What is drawn now.
static DRAWN: Mutex<Drawn> = Mutex::new(Drawn { size: Size { width: 0, height: 0 }, lines: Vec::new() });

struct Drawn {
    size: Size,
    lines: Vec<String>,
}

/// Of a terminal, in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub width: usize,
    pub height: usize,
}

/// All that is below the cursor goes.
const ERASE: &str = "\r\x1b[J";

/// Whether people look at what is printed, on something that can draw a line again.
pub(crate) fn is_live() -> bool {
    // Windows has no such variable.
    let is_dumb = std::env::var_os("TERM").map_or(cfg!(unix), |term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && io::stderr().is_terminal() && !is_dumb
}

/// Whether there may be colours on it; NO_COLOR is obeyed.
pub(crate) fn has_colours() -> bool {
    console::colors_enabled()
}

/// As the terminal is at this moment; one that does not say is taken for an ordinary one.
pub(crate) fn size() -> Size {
    let (height, width) = Term::stdout().size_checked().unwrap_or((24, 80));
    Size { width: width.into(), height: height.into() }
}

/// How wide a table may be: nothing where no terminal shows it.
pub(crate) fn table_width() -> Option<usize> {
    io::stdout().is_terminal().then(|| size().width)
}

/// Draws these lines instead of those that are there. None may be as wide as the terminal, nor all of them as high.
pub(crate) fn draw(size: Size, lines: Vec<String>) {
    let mut drawn = lock();
    if (drawn.size, &drawn.lines) != (size, &lines) {
        (drawn.size, drawn.lines) = (size, lines);
        write(&frame(&drawn.lines));
    }
}

/// Takes the lines away.
pub(crate) fn clear() {
    let mut drawn = lock();
    if !std::mem::take(&mut drawn.lines).is_empty() {
        write(ERASE);
    }
}

/// The same where the program ends at once, whoever is drawing.
pub(crate) fn clear_at_once() {
    if DRAWN.try_lock().is_ok_and(|drawn| !drawn.lines.is_empty()) {
        write(ERASE);
    }
}

/// Prints with the lines out of the way, which stand below it then.
pub(crate) fn above<T>(print: impl FnOnce() -> T) -> T {
    let drawn = lock();
    if drawn.lines.is_empty() {
        return print();
    }
    write(ERASE);
    let printed = print();
    write(&frame(&drawn.lines));
    printed
}

/// As [`above`], with other lines below it from now on.
pub(crate) fn above_new(size: Size, lines: Vec<String>, print: impl FnOnce()) {
    let mut drawn = lock();
    write(ERASE);
    print();
    (drawn.size, drawn.lines) = (size, lines);
    write(&frame(&drawn.lines));
}

fn lock() -> MutexGuard<'static, Drawn> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where nobody can read it there is nobody to tell.
fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Lines over what is there, so that nothing flickers, with the cursor back at the first one. They do not wrap (DECAWM, as the VT100 has
/// it): a terminal that has become narrower before they arrive cuts them, and each is still one row to go up.
fn frame(lines: &[String]) -> String {
    let text = format!("\x1b[?7l{}\x1b[?7h", lines.join("\x1b[K\r\n"));
    match lines.len() {
        0 => ERASE.to_owned(),
        1 => format!("\r{text}\x1b[J\r"),
        more => format!("\r{text}\x1b[J\x1b[{}A\r", more - 1),
    }
}
