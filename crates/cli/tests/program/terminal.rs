//! What a terminal holds while a study runs on it: the program on a pseudo terminal, and a terminal in memory that is
//! given what it writes and wraps its lines anew when it is resized, as real ones do.

use std::fs::File;
use std::io::Read as _;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use avt::Terminal;
use rustix::fd::OwnedFd;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{Fixture, TINY};

/// Longer than any wait for the display is on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A study with epochs that are seen to pass, of which some trials wait.
fn slow() -> String {
    let slower = TINY.replace("images = 240", "images = 4000").replace("size = 12", "size = 24");
    slower.replace("epochs = 3", "epochs = 4").replace("trials = 6", "trials = 8\nslots = 3")
}

struct Screen {
    child: Child,
    control: OwnedFd,
    written: Receiver<Vec<u8>>,
    terminal: Terminal,
    raw: Vec<u8>,
    /// Of what was written, the end that is no whole character yet.
    rest: Vec<u8>,
}

fn winsize(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Screen {
    fn start(fixture: &Fixture, args: &[&str], columns: u16, environment: &[(&str, &str)]) -> Self {
        let rows = 24;
        let control = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&control).unwrap();
        unlockpt(&control).unwrap();
        tcsetwinsize(&control, winsize(columns, rows)).unwrap();
        let name = ptsname(&control, Vec::new()).unwrap();
        let end = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = fixture.command(args);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
        command.envs(environment.iter().copied());
        command.stdin(end.try_clone().unwrap()).stdout(end.try_clone().unwrap()).stderr(end);
        let child = command.spawn().unwrap();
        drop(command);
        let mut reader = File::from(control.try_clone().unwrap());
        let (sender, written) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error says that the program has ended.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let terminal = Terminal::with_scrollback(columns.into(), rows.into(), None).unwrap();
        Self { child, control, written, terminal, raw: Vec::new(), rest: Vec::new() }
    }

    /// Takes what is written next; false once the program has ended.
    fn take(&mut self) -> bool {
        let Ok(bytes) = self.written.recv_timeout(PATIENCE) else { return false };
        self.raw.extend(&bytes);
        self.rest.extend(bytes);
        let whole = std::str::from_utf8(&self.rest).map_or_else(|error| error.valid_up_to(), str::len);
        let text = String::from_utf8(self.rest.drain(..whole).collect()).unwrap();
        self.terminal.feed(text.as_str());
        true
    }

    /// Whether all of a frame was written, of one line or of several: half of one is no picture.
    fn is_between_frames(&self) -> bool {
        self.raw.ends_with(b"A\r") || self.raw.ends_with(b"J\r")
    }

    /// Between two frames: of half a frame no program can know where its lines will lie then.
    fn resize(&mut self, columns: u16, rows: u16) {
        while self.take() && !self.is_between_frames() {}
        self.terminal.resize(columns.into(), rows.into());
        tcsetwinsize(&self.control, winsize(columns, rows)).unwrap();
    }

    /// The rows that can be seen, without those below the last text.
    fn rows(&self) -> Vec<String> {
        let rows = self.terminal.screen().visible_lines().map(|line| line.text().trim_end().to_owned());
        let mut rows: Vec<String> = rows.collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    /// All that was ever on it, wrapped lines whole.
    fn all(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        for line in self.terminal.screen().all_lines() {
            lines.last_mut().unwrap().push_str(&line.text());
            if !line.is_wrapped() {
                lines.push(String::new());
            }
        }
        lines.iter().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until the rows are as wanted, between two frames.
    #[track_caller]
    fn wait(&mut self, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let rows = self.rows();
            if self.is_between_frames() && wanted(&rows) {
                return rows;
            }
            assert!(self.take() && begin.elapsed() < PATIENCE, "it has come to\n{}", self.all().join("\n"));
        }
    }

    #[track_caller]
    fn end(mut self) -> (Vec<String>, String) {
        while self.take() {}
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.all().join("\n"));
        (self.all(), String::from_utf8(std::mem::take(&mut self.raw)).unwrap())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this is the line of a trial in training.
fn is_training(row: &str) -> bool {
    row.starts_with('#') && row.contains('▸')
}

fn waits(row: &str) -> bool {
    row.starts_with('#') && row.contains(" waits")
}

/// Whether this is the line that counts.
fn counts(row: &str) -> bool {
    let (ended, rest) = row.split_once('/').unwrap_or_default();
    !ended.is_empty() && ended.chars().all(|c| c.is_ascii_digit()) && rest.contains(" · ")
}

/// Of all that a terminal has held, what there must be of a study that has ended, and what must not be left.
#[track_caller]
fn check_ended(lines: &[String]) {
    let text = lines.join("\n");
    for trial in 0..8 {
        let ended = |line: &&String| {
            let name = format!("#{trial} ");
            line.starts_with(&name) && (line.contains(" complete ") || line.contains(" pruned "))
        };
        assert_eq!(lines.iter().filter(ended).count(), 1, "trial {trial} in\n{text}");
    }
    assert!(!lines.iter().any(|line| is_training(line) || waits(line) || counts(line)), "something is left in\n{text}");
    assert!(text.contains("\ndone: 8 trials"), "{text}");
}

#[test]
fn a_running_study_is_right_in_every_width() {
    for columns in [40, 80, 200] {
        let fixture = Fixture::new(&slow());
        let mut screen = Screen::start(&fixture, &["run", "study.toml", "--workers", "2"], columns, &[]);
        let rows = screen.wait(|rows| {
            rows.iter().any(|row| is_training(row) && row.contains("acc")) && rows.iter().any(|row| waits(row))
        });
        let text = rows.join("\n");
        let live: Vec<&String> = rows.iter().filter(|row| is_training(row) || waits(row) || counts(row)).collect();
        assert!(counts(live[live.len() - 1]) && live.len() <= 4, "a line for each, and one that counts:\n{text}");
        assert_eq!(rows.last(), live.last().copied(), "nothing is below it:\n{text}");
        assert!(live.iter().all(|row| row.chars().count() < columns.into()), "{text}");
        assert_eq!(live[0].contains('='), columns >= 80, "what is being tried:\n{text}");
        assert_eq!(live[0].contains("batch_size="), columns >= 200, "all of it:\n{text}");
        // It moves within an epoch.
        let share = |rows: &[String]| {
            let row = rows.iter().find(|row| is_training(row))?;
            row.split_once('▸')?.1.split('%').next()?.trim().parse::<u32>().ok()
        };
        screen.wait(|rows| share(rows).is_some_and(|share| share > 10 && share < 90));
        let (lines, _) = screen.end();
        check_ended(&lines);
        if columns < 200 {
            let ended = lines.iter().filter(|line| line.starts_with('#'));
            assert!(ended.clone().all(|line| line.chars().count() < columns.into()), "{lines:#?}");
        }
    }
}

#[test]
fn a_terminal_that_is_resized_holds_each_line_once() {
    let fixture = Fixture::new(&slow());
    let mut screen = Screen::start(&fixture, &["run", "study.toml", "--workers", "2"], 120, &[]);
    screen.wait(|rows| rows.iter().any(|row| is_training(row)));
    for (columns, rows) in [(60, 24), (33, 24), (33, 6), (150, 30), (80, 24)] {
        screen.resize(columns, rows);
        let width = usize::from(columns);
        // It is drawn for the new width, once.
        let settled = |rows: &[String]| {
            let live: Vec<&String> = rows.iter().filter(|row| is_training(row) || waits(row) || counts(row)).collect();
            let is_last = rows.last().is_some_and(|row| counts(row) && row.chars().count() < width);
            is_last && live.iter().filter(|row| counts(row)).count() == 1 && live.iter().any(|row| is_training(row))
        };
        let rows = screen.wait(settled);
        let numbers: Vec<&str> = rows
            .iter()
            .filter(|row| is_training(row) || waits(row))
            .filter_map(|row| row.split_whitespace().next())
            .collect();
        let mut distinct = numbers.clone();
        distinct.dedup();
        assert_eq!(numbers, distinct, "{}", rows.join("\n"));
    }
    let (lines, _) = screen.end();
    check_ended(&lines);
}

#[test]
fn colours_are_there_unless_they_are_not_wanted() {
    let fixture = Fixture::new(TINY);
    let written = |environment: &[(&str, &str)]| {
        let screen = Screen::start(&fixture, &["run", "study.toml", "--out", "run"], 80, environment);
        let (_, raw) = screen.end();
        std::fs::remove_dir_all(fixture.path("run")).unwrap();
        raw
    };
    let bold = "\x1b[1m";
    assert!(written(&[]).contains(bold));
    assert!(!written(&[("NO_COLOR", "1")]).contains(bold));
    let dumb = written(&[("TERM", "dumb")]);
    assert!(!dumb.contains('\x1b'), "{dumb}");
}

/// In a log there is no line that is drawn again, and not many that say how far it is.
#[test]
fn a_pipe_gets_a_line_every_few_seconds() {
    let fixture = Fixture::new(&slow());
    let begin = Instant::now();
    let told = fixture.ok(&["run", "study.toml"]);
    let seconds = begin.elapsed().as_secs() as usize;
    assert!(!told.contains(['\x1b', '\r', '█']), "{told}");
    let far: Vec<&str> = told.lines().filter(|line| line.contains("  |  #")).collect();
    assert!(!far.is_empty() && far.len() <= 1 + seconds / 3, "{} lines in {seconds} s\n{told}", far.len());
    assert!(far.iter().all(|line| line.contains("/8 · ")), "{told}");
    assert!(told.contains("a new study of 8 trials"), "{told}");
}

/// What people type while it runs, or another program says, is drawn over at the next look.
#[test]
fn a_study_that_is_stopped_leaves_nothing_behind() {
    let fixture = Fixture::new(&slow());
    let mut screen = Screen::start(&fixture, &["run", "study.toml", "--workers", "2"], 80, &[]);
    screen.wait(|rows| rows.iter().any(|row| is_training(row)));
    let child = rustix::process::Pid::from_child(&screen.child);
    rustix::process::kill_process(child, rustix::process::Signal::INT).unwrap();
    screen.wait(|rows| rows.iter().any(|row| row == "stopping; press Ctrl-C again to end at once"));
    while screen.take() {}
    assert_eq!(screen.child.wait().unwrap().code(), Some(130));
    let lines = screen.all();
    assert!(!lines.iter().any(|line| is_training(line) || waits(line) || counts(line)), "{}", lines.join("\n"));
    assert!(lines.iter().any(|line| line.starts_with("the study was stopped; to go on:")), "{}", lines.join("\n"));
}
