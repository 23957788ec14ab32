//! One event file: begun, or gone on with.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use prost::Message as _;

use super::hparams::{EXPERIMENT, SESSION_END, SESSION_START};
use super::messages::{Event, Summary, SummaryValue, VERSION};
use super::records::{record, records};
use crate::tracker::about;

/// Names of event files begin so everywhere; ours end so too, and no others are touched.
const BEGINNING: &str = "events.out.tfevents.";
const ENDING: &str = ".tunefork";

/// Bytes of the largest file that is gone on with: more than any trial writes.
const LARGEST: u64 = 1 << 30;

/// An event file and what is in it already. It is opened for each record, so that a study of many trials holds no file open.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    /// Whether the experiment, or the start of the trial, is in it.
    pub(super) has_start: bool,
    /// Whether the end of the trial is.
    pub(super) has_end: bool,
    /// The last step of which there is a figure or an image.
    pub(super) last_step: Option<i64>,
}

impl EventFile {
    /// Goes on with the file of a folder, or begins one. What a killed process wrote by halves is cut off.
    pub(super) fn open(folder: &Path, now: f64) -> io::Result<Self> {
        let Some(path) = ours(folder)?.pop() else { return Self::create(folder, now) };
        let bytes = tunefork_atomic_file::read(&path, LARGEST).map_err(about("read", &path))?;
        let (found, whole) = records(&bytes);
        let events: Vec<Event> = found.into_iter().map_while(|data| Event::decode(data).ok()).collect();
        if events.first().and_then(|first| first.file_version.as_deref()) != Some(VERSION) {
            return Self::create(folder, now);
        }
        if whole < bytes.len() {
            let file = OpenOptions::new().write(true).open(&path).map_err(about("open", &path))?;
            file.set_len(whole as u64).map_err(about("shorten", &path))?;
        }
        let mut file = Self { path, has_start: false, has_end: false, last_step: None };
        events.iter().for_each(|event| file.note(event));
        Ok(file)
    }

    /// Begins the file of a folder, in the place of what was written there before.
    pub(super) fn create(folder: &Path, now: f64) -> io::Result<Self> {
        remove(folder)?;
        fs::create_dir_all(folder).map_err(about("create", folder))?;
        let path = folder.join(format!("{BEGINNING}{}{ENDING}", now as u64));
        let mut file = Self { path, has_start: false, has_end: false, last_step: None };
        file.append(Event { wall_time: now, file_version: Some(VERSION.to_owned()), ..Event::default() })?;
        Ok(file)
    }

    /// Adds values of one step, which come into the file together or not at all.
    pub(super) fn add(&mut self, wall_time: f64, step: i64, value: Vec<SummaryValue>) -> io::Result<()> {
        self.append(Event { wall_time, step, summary: Some(Summary { value }), ..Event::default() })
    }

    fn append(&mut self, event: Event) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let written = file.and_then(|mut file| file.write_all(&record(&event.encode_to_vec())));
        written.map_err(about("write", &self.path))?;
        self.note(&event);
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        for value in event.summary.iter().flat_map(|summary| &summary.value) {
            match value.tag.as_str() {
                EXPERIMENT | SESSION_START => self.has_start = true,
                SESSION_END => self.has_end = true,
                _ => self.last_step = Some(event.step),
            }
        }
    }
}

/// Removes the event files that were written into a folder, no others.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    ours(folder)?.iter().try_for_each(|path| fs::remove_file(path).map_err(about("remove", path)))
}

/// The event files of ours in a folder, the newest last; none where there is no folder.
fn ours(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_ours = |name: &str| name.starts_with(BEGINNING) && name.ends_with(ENDING);
    let mut found = entries(folder)?;
    found.retain(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_ours));
    found.sort();
    Ok(found)
}

/// What lies in a folder; nothing where there is none.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(about("look into", folder)),
    }
}
