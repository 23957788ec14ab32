//! A connection to a database whose tables have been checked.

use crate::error::{DatabaseError, of_io};
use crate::versions::{check_versions, create_tables};
use crate::{SqliteOptions, StorageError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Statements kept prepared: more than we have.
const STATEMENTS: usize = 64;

/// Pages in the write-ahead log before SQLite copies them into the database. Each copy waits for the
/// disk twice, so they should be rare; 4,000 pages are 16 MB.
const CHECKPOINT_PAGES: u32 = 4000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
    path: PathBuf,
    options: SqliteOptions,
    /// Which file was opened, if it is written.
    identity: Option<Identity>,
    /// What its write-ahead log was after the last commit.
    log: Cell<Option<Log>>,
}

/// Which file a log is, how long, and whether it begins as one. What is cut short while it is written is as long as before,
/// but for a hole at its beginning.
#[derive(Clone, Copy, Debug)]
struct Log {
    identity: Identity,
    bytes: u64,
    begins: bool,
}

impl Database {
    pub(crate) fn open(path: &Path, access: Access, options: SqliteOptions) -> Result<Self, StorageError> {
        if access == Access::Read && !path.exists() {
            return Err(StorageError::Missing { path: path.to_owned() });
        }
        check_regular(path)?;
        let connection = connect(path, access, options).map_err(|error| error.at(path, options.patience))?;
        let identity = match access {
            Access::Read => None,
            Access::Write => Some(Identity::of(path).map_err(|error| of_io(path, &error))?),
        };
        Ok(Database { connection, path: path.to_owned(), options, identity, log: Cell::new(None) })
    }

    /// Where the database is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A number that changes when others change the database, and not when we do.
    pub(crate) fn version(&self) -> Result<i64, StorageError> {
        self.check_place()?;
        let version = self.connection.prepare_cached("PRAGMA data_version");
        let version = version.and_then(|mut version| version.query_row([], |row| row.get(0)));
        version.map_err(|error| self.told(error.into()))
    }

    fn told(&self, error: DatabaseError) -> StorageError {
        error.at(&self.path, self.options.patience)
    }

    /// Whether others, who have nothing of it in memory, can read what was written.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        self.check_place()?;
        self.check_contents()
    }

    fn check_contents(&self) -> Result<(), StorageError> {
        let checked = connect_to_read(&self.path, self.options)
            .and_then(|other| Ok(other.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?));
        let error = match checked {
            Ok(found) if found == "ok" => return Ok(()),
            Ok(found) => self.told(DatabaseError::Damaged(found)),
            Err(error) => self.told(error),
        };
        if matches!(error, StorageError::Locked { .. }) {
            return Err(error);
        }
        // Pages of a log that is none any more are not to be copied into the database, which is as good as it was before.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        let path = log_of(&self.path);
        match self.is_log_whole() {
            true => Err(error),
            false => Err(StorageError::LogSpoilt { path }),
        }
    }

    /// Whether the log is as long as it was, and begins as one.
    fn is_log_whole(&self) -> bool {
        let before = self.log.get().map_or(0, |log| log.bytes);
        Log::of(&self.path).is_ok_and(|now| now.begins && now.bytes >= before)
    }

    /// Reads, all from one state of the database.
    pub(crate) fn snapshot<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, StorageError> {
        self.within("BEGIN DEFERRED", read)
    }

    /// Writes, all or nothing.
    pub(crate) fn transaction<T>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, StorageError> {
        self.within("BEGIN IMMEDIATE", write)
    }

    /// SQLite would go on writing to a file that nobody can find any more.
    fn check_place(&self) -> Result<(), StorageError> {
        let stays = |identity| Identity::of(&self.path).is_ok_and(|now| now == identity);
        if !self.identity.is_none_or(stays) {
            return Err(StorageError::Removed { path: self.path.clone() });
        }
        let Some(log) = self.log.get() else { return Ok(()) };
        match Log::of(&self.path) {
            Ok(now) if now.identity != log.identity => Err(StorageError::LogRemoved { path: log_of(&self.path) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StorageError::LogRemoved { path: log_of(&self.path) })
            }
            // Such as too many open files, which says nothing of the log.
            Err(_) => Ok(()),
            // Another program may have copied all of it into the database and cut it short then, which loses nothing.
            Ok(now) if now.bytes < log.bytes || !now.begins => {
                self.check_contents()?;
                self.log.set(Some(now));
                self.begin_log()
            }
            Ok(_) => Ok(()),
        }
    }

    /// What was overwritten in the log has been written anew since. It is copied into the database, and a new log begins: after a
    /// kill nobody could read this one. Where somebody else reads meanwhile, the next commit tries again.
    fn begin_log(&self) -> Result<(), StorageError> {
        let copied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        copied.map_err(|error| self.told(error.into()))?;
        self.note_log();
        Ok(())
    }

    /// Takes note of the log, which stays the same file as long as the database is open, and grows.
    fn note_log(&self) {
        if let (Some(_), Ok(log)) = (self.identity, Log::of(&self.path)) {
            self.log.set(Some(log));
        }
    }

    fn within<T>(
        &self,
        begin: &str,
        work: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, StorageError> {
        self.check_place()?;
        let connection = &self.connection;
        let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(|_| ());
        let result = run(begin).map_err(DatabaseError::from).and_then(|()| {
            let value = work(connection)?;
            run("COMMIT")?;
            self.note_log();
            Ok(value)
        });
        result.map_err(|error| {
            if !connection.is_autocommit() {
                // The first error is the one to tell; an open transaction ends with the connection.
                let _ = run("ROLLBACK");
            }
            self.told(error)
        })
    }
}

/// What a write-ahead log begins with (https://www.sqlite.org/fileformat2.html#walformat).
const LOG_MAGIC: [u32; 2] = [0x377f_0682, 0x377f_0683];

impl Log {
    /// The log of the database at `path`. SQLite has no locks on it that closing it would free.
    fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(log_of(path))?;
        let metadata = file.metadata()?;
        let mut magic = [0; 4];
        let begins = file.read_exact(&mut magic).is_ok() && LOG_MAGIC.contains(&u32::from_be_bytes(magic));
        Ok(Log { identity: Identity::from(&metadata), bytes: metadata.len(), begins: begins || metadata.len() == 0 })
    }
}

/// Files beside a database, by what their names have more than its own.
const BESIDE: [&str; 5] = ["", "-lock", "-wal", "-shm", "-journal"];

/// Refuses pipes, which would be waited for, and whatever else is no file of its own, before anything is opened.
pub(crate) fn check_regular(path: &Path) -> Result<(), StorageError> {
    let all = BESIDE.iter().map(|more| beside(path, more));
    let mut odd = all.filter(|path| std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()));
    odd.next().map_or(Ok(()), |path| Err(StorageError::NotRegular { path }))
}

/// What tells a file from another one at the same path. The file is looked at and not opened: closing it would free the
/// locks that SQLite has on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    /// Device and number of the file. Elsewhere the system lets nobody remove an open file.
    #[cfg(unix)]
    place: (u64, u64),
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Identity::from(&std::fs::metadata(path)?))
    }
}

impl From<&Metadata> for Identity {
    fn from(_metadata: &Metadata) -> Self {
        Identity {
            #[cfg(unix)]
            place: (_metadata.dev(), _metadata.ino()),
        }
    }
}

fn connect(path: &Path, access: Access, options: SqliteOptions) -> Result<Connection, DatabaseError> {
    if access == Access::Read {
        return connect_to_read(path, options);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(no_address(path), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&connection, options)?;
    // A database of somebody else must be refused before anything is changed in it.
    check_versions(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = if options.durable { "full" } else { "normal" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    create_tables(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection, options: SqliteOptions) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(options.patience)
}

fn connect_to_read(path: &Path, options: SqliteOptions) -> Result<Connection, DatabaseError> {
    // A reader of a write-ahead log makes files for it where there are none. Who is allowed to write removes them again
    // with its connection, if it is the last one; nothing else is written.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |connection: rusqlite::Result<Connection>| {
        let connection = connection?;
        prepare(&connection, options)?;
        connection.pragma_update(None, "query_only", true)?;
        check_versions(&connection, path).map(|()| connection)
    };
    match open(Connection::open_with_flags(no_address(path), flags)) {
        // Readers of a write-ahead log make a file for their locks beside it. Where that cannot be,
        // and there is no log, nobody writes, and the database can be read without locks.
        Err(DatabaseError::Sql(error)) if needs_a_lock(&error) && !log_of(path).exists() => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
            open(Connection::open_with_flags(immutable(path), flags))
        }
        result => result,
    }
}

fn needs_a_lock(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied))
}

fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The path of a file beside a database.
pub(crate) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

/// The same path as nothing but a path: one that begins with `file:` is an address to SQLite.
fn no_address(path: &Path) -> PathBuf {
    Path::new(".").join(path)
}

/// The path as a URI that says that nobody changes the file.
fn immutable(path: &Path) -> String {
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .map(|letter| match letter {
            '%' => "%25".to_owned(),
            '?' => "%3f".to_owned(),
            '#' => "%23".to_owned(),
            other => other.to_string(),
        })
        .collect();
    format!("file:{escaped}?immutable=1")
}

/// Whether a table is there: Optuna's own databases have none of ours, empty files have none at all.
pub(crate) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")?.exists([name])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_full_disk_is_told_and_leaves_what_was_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.db");
        let database = Database::open(&path, Access::Write, SqliteOptions::default()).unwrap();
        let insert = |connection: &Connection, text: &str| {
            connection.execute("INSERT INTO studies (study_name) VALUES (?)", [text])?;
            Ok(())
        };
        database.transaction(|connection| insert(connection, "first")).unwrap();
        let pages: i64 = database.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        // SQLite's own limit gives the same error as a disk without room.
        database.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let error = database.transaction(|connection| insert(connection, &"x".repeat(100_000))).unwrap_err();
        assert!(matches!(error, StorageError::Full { .. }), "{error}");
        let count = |connection: &Connection| -> Result<i64, DatabaseError> {
            let sql = "SELECT count(*) FROM studies";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        };
        assert_eq!(database.snapshot(count).unwrap(), 1);
        database.transaction(|connection| insert(connection, "second")).unwrap();
    }

    /// As Optuna leaves its databases: without a write-ahead log, so that who writes keeps readers out.
    #[test]
    fn a_database_that_another_program_holds_is_not_read_without_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.db");
        drop(Database::open(&path, Access::Write, SqliteOptions::default()).unwrap());
        let other = Connection::open(&path).unwrap();
        other.pragma_update(None, "journal_mode", "delete").unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let options = SqliteOptions { patience: Duration::from_millis(50), ..SqliteOptions::default() };
        let error = Database::open(&path, Access::Read, options).unwrap_err();
        assert!(matches!(error, StorageError::Locked { .. }), "{error}");
        other.execute_batch("COMMIT").unwrap();
        Database::open(&path, Access::Read, options).unwrap();
    }

    #[test]
    fn odd_paths_can_be_named_to_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50% of #1? über.db");
        drop(Database::open(&path, Access::Write, SqliteOptions::default()).unwrap());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(immutable(&path), flags).unwrap();
        assert!(has_table(&connection, "trials").unwrap());
    }
}
