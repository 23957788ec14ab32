//! Single images, as a trained model wants them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::contents::read_image_file;
use crate::dataset::check_shape;
use crate::files::{is_hidden, is_image_file, why_none};
use crate::image::{self, Changes, Fit, Picture};
use crate::names::shown;
use crate::{DataError, Image, Warnings};

/// Images of one shape, with the files they came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pictures {
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// Their pixels, one image after the other (NHWC).
    pub pixels: Vec<u8>,
    /// Files in folders that were left out.
    pub warnings: Warnings,
}

impl Pictures {
    /// Reads the image files `paths`; of folders, all that lie in them and below, by name.
    /// Images are brought to `shape` as a set's are when it is prepared.
    ///
    /// # Errors
    /// [`DataError::Shape`] for a shape that no set has, [`DataError::Image`] when a file that was named itself cannot be used (bad files in folders
    /// are left out and named), [`DataError::NoImages`] when nothing is left.
    pub fn read(paths: &[PathBuf], shape: Image, fit: Fit) -> Result<Self, DataError> {
        check_shape(shape)?;
        let mut pictures = Self::default();
        for path in paths {
            if path.is_dir() {
                pictures.read_folder(path, shape, fit)?;
            } else {
                let read = read_image_file(path).and_then(|bytes| image::decode_telling(&bytes));
                let read = read.map_err(|source| DataError::Image { path: path.clone(), source })?;
                pictures.add(path, read, shape, fit);
            }
        }
        if pictures.files.is_empty() {
            let path = paths.first().cloned().unwrap_or_default();
            let hint = format!("image files are expected; {} left out", pictures.warnings.count());
            return Err(DataError::NoImages { path, hint, reasons: pictures.warnings.because(|_| true) });
        }
        Ok(pictures)
    }

    fn add(&mut self, path: &Path, (picture, changes): (Picture, Changes), shape: Image, fit: Fit) {
        if let Some(remark) = changes.remark() {
            self.warnings.note(shown(path), remark);
        }
        self.files.push(path.to_path_buf());
        self.pixels.extend(picture.fit(shape, fit));
    }

    fn read_folder(&mut self, folder: &Path, shape: Image, fit: Fit) -> Result<(), DataError> {
        let failed = |error| DataError::io("list", folder, error);
        let entries = fs::read_dir(folder).map_err(failed)?;
        let mut inside = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        inside.sort();
        for path in inside {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Links to folders are not followed: they may lead in a circle.
            if is_hidden(&name) || path.is_dir() && path.is_symlink() {
                continue;
            } else if path.is_dir() {
                self.read_folder(&path, shape, fit)?;
            } else if is_image_file(&path, &name) {
                match read_image_file(&path).and_then(|bytes| image::decode_telling(&bytes)) {
                    Ok(read) => self.add(&path, read, shape, fit),
                    Err(error) => self.warnings.leave_out(shown(&path), error.to_string()),
                }
            } else if let Some(reason) = why_none(&name) {
                self.warnings.leave_out(shown(&path), reason);
            }
        }
        Ok(())
    }
}
