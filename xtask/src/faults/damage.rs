//! Files that were spoilt while nobody looked.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::subject::{Subject, ended, text};
use super::{Dice, files};

/// Spoils a checkpoint, if there is one.
pub(super) fn checkpoint(subject: &Subject, dice: &mut Dice) -> Result<bool> {
    let found = files(&subject.folder.join("checkpoints"))?;
    if found.is_empty() {
        return Ok(false);
    }
    let file = dice.of(&found);
    match dice.below(8) {
        // Another trial's in its place.
        0 => _ = fs::copy(dice.of(&found), &file)?,
        _ => spoil(&file, dice)?,
    }
    Ok(true)
}

/// Spoils the database of a finished study. It has to be refused in words or read; what is read may differ, for SQLite
/// does not tell that a figure has become another one.
pub(super) fn database(subject: &Subject, dice: &mut Dice) -> Result<&'static str> {
    let whole = subject.show()?;
    spoil(&subject.folder.join("study.db"), dice)?;
    let output = ended(subject.command(&[]))?;
    if !output.status.success() {
        ensure!(text(&output).contains("error: "), "it fails without a word: {}", text(&output));
        return Ok("refused with a message");
    }
    Ok(match subject.show()? == whole {
        true => "read as before",
        false => "read otherwise",
    })
}

/// Changes, cuts or empties a part of a file.
fn spoil(file: &Path, dice: &mut Dice) -> Result<()> {
    let mut bytes = fs::read(file).with_context(|| file.display().to_string())?;
    if bytes.is_empty() {
        return Ok(());
    }
    let at = dice.below(bytes.len() as u64) as usize;
    let end = (at + 1 + dice.below(4096) as usize).min(bytes.len());
    match dice.below(5) {
        0 => bytes.truncate(at),
        1 => bytes[at..end].fill(0),
        2 => bytes[at..end].iter_mut().for_each(|byte| *byte = dice.byte()),
        3 => bytes.extend((0..=dice.below(4096)).map(|_| 0)),
        _ => bytes[at] ^= 1 << dice.below(8),
    }
    Ok(fs::write(file, bytes)?)
}
