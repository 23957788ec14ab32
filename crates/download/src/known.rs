//! Sets that are known by name.

use std::path::{Path, PathBuf};

use crate::catalogue::CATALOGUE;
use crate::error::DownloadError;
use crate::fetch::{Event, Fetched, Wanted, fetch};
use crate::options::{FetchOptions, is_web_address, without_user};

/// A data set that can be had by its name.
#[derive(Debug)]
pub struct KnownSet {
    /// What it is called here.
    pub name: &'static str,
    /// What is in it, in a few words.
    pub about: &'static str,
    /// Under which terms it may be used, as far as its publisher says.
    pub licence: &'static str,
    /// The page that tells of it.
    pub page: &'static str,
    /// The folder of its files below the data folder; empty when they lie in the data folder itself.
    pub folder: &'static str,
    /// Addresses below which its files lie, the publisher's first. Without any, a person has to fetch
    /// it from [`Self::page`].
    pub addresses: &'static [&'static str],
    /// The files that make up the set.
    pub files: &'static [KnownFile],
}

/// A file of a known set.
#[derive(Debug)]
pub struct KnownFile {
    /// Its name below the addresses.
    pub name: &'static str,
    /// Another name under which it has to lie here, if its own would not be found.
    pub kept_as: Option<&'static str>,
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256, as 64 small hexadecimal digits.
    pub sha256: &'static str,
    /// Who publishes the digest.
    pub published_by: &'static str,
}

/// The set that is called `name` in the [`CATALOGUE`].
#[must_use]
pub fn known(name: &str) -> Option<&'static KnownSet> {
    CATALOGUE.iter().find(|set| set.name == name)
}

impl KnownSet {
    /// Bytes of all its files together.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }

    /// Where a file of this set lies below the data folder `data`.
    #[must_use]
    pub fn path(&self, file: &KnownFile, data: &Path) -> PathBuf {
        let name = file.kept_as.unwrap_or(file.name);
        match self.folder {
            "" => data.join(name),
            folder => data.join(folder).join(name),
        }
    }

    /// Brings all files of the set below the data folder `data`, as [`fetch`] does with each.
    ///
    /// Files that are there are only compared with their digests.
    ///
    /// # Errors
    /// [`DownloadError::Nowhere`] or [`DownloadError::ByHand`] when no address gives a file: both say what
    /// to do by hand. Others as [`fetch`].
    pub fn fetch(
        &self,
        data: &Path,
        options: &FetchOptions,
        listen: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Fetched>, DownloadError> {
        let mut fetched = Vec::with_capacity(self.files.len());
        for (place, file) in self.files.iter().enumerate() {
            let wanted = self.wanted(file, data, options)?;
            listen(Event::File { path: &wanted.path, number: place + 1, files: self.files.len() });
            fetched.push(fetch(&wanted, options, listen).map_err(|mut error| {
                if let DownloadError::Nowhere { by_hand, .. } = &mut error {
                    *by_hand = format!("; {}", self.by_hand(data));
                }
                error
            })?);
        }
        Ok(fetched)
    }

    /// What to do where no program can fetch the set: which files, from where, and where to put them.
    #[must_use]
    pub fn by_hand(&self, data: &Path) -> String {
        let names: Vec<&str> = self.files.iter().map(|file| file.name).collect();
        let from = match self.addresses.first() {
            Some(address) => (*address).to_owned(),
            None => format!("{} (that page asks to agree to its terms)", self.page),
        };
        let place = match self.files {
            [file] => format!("save it as `{}`", self.path(file, data).display()),
            _ => format!("put them into `{}`", data.join(self.folder).display()),
        };
        format!("fetch {} by hand from {from} and {place}", names.join(", "))
    }

    fn wanted(&self, file: &KnownFile, data: &Path, options: &FetchOptions) -> Result<Wanted, DownloadError> {
        let path = self.path(file, data);
        let mut urls = Vec::new();
        if let Some(mirror) = &options.mirror {
            if !is_web_address(mirror) {
                return Err(DownloadError::Mirror(without_user(mirror)));
            }
            let below = self.path(file, Path::new(""));
            let below = below.to_string_lossy().replace('\\', "/");
            urls.push(format!("{}/{below}", mirror.trim_end_matches('/')));
        }
        urls.extend(self.addresses.iter().map(|address| format!("{address}{}", file.name)));
        if urls.is_empty() && !path.exists() {
            return Err(DownloadError::ByHand { name: self.name, by_hand: self.by_hand(data) });
        }
        Ok(Wanted {
            path,
            urls,
            length: file.length,
            sha256: file.sha256.to_owned(),
            published_by: file.published_by.to_owned(),
        })
    }
}
