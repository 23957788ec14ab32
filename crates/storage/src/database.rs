//! A connection to a database whose tables have been checked.

use crate::beside::{Identity, check_names, check_regular};
use crate::error::{DatabaseError, of_io};
use crate::lock::Lock;
use crate::log::{Log, is_log_left, log_of};
use crate::versions::{check_versions, create_tables};
use crate::{SqliteOptions, StorageError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Statements kept prepared: more than we have.
const STATEMENTS: usize = 64;

/// Pages in the write-ahead log before SQLite copies them into the database. Each copy waits for the
/// disk twice, so they should be rare; 4,000 pages are 16 MB.
const CHECKPOINT_PAGES: u32 = 4000;

/// That the log is neither copied into the database nor removed by the last connection that is closed.
const KEEP_LOG: DbConfig = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;

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
    /// Held if it is written.
    lock: Option<Lock>,
    /// Which file was opened, if it is written.
    identity: Option<Identity>,
    /// What its write-ahead log was after the last commit.
    log: Cell<Option<Log>>,
}

impl Database {
    pub(crate) fn open(path: &Path, access: Access, options: SqliteOptions) -> Result<Self, StorageError> {
        check_regular(path)?;
        let lock = match access {
            Access::Read if !path.exists() => return Err(StorageError::Missing { path: path.to_owned() }),
            Access::Read => None,
            Access::Write => {
                check_names(path)?;
                Some(Lock::take(path)?)
            }
        };
        let was_log_left = is_log_left(path);
        let connection = match access {
            Access::Read => connect_to_read(path, options),
            Access::Write => connect_to_write(path, options, was_log_left),
        };
        let connection = connection.map_err(|error| match error.at(path, options.patience) {
            // Until here nothing was written but the log's index.
            StorageError::Damaged { detail, .. } if was_log_left => {
                StorageError::LogDiffers { path: path.to_owned(), detail }
            }
            error => error,
        })?;
        let identity = match access {
            Access::Read => None,
            Access::Write => Some(Identity::of(path).map_err(|error| of_io(path, &error))?),
        };
        Ok(Database { connection, path: path.to_owned(), options, lock, identity, log: Cell::new(None) })
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
        let checked = connect_to_read(&self.path, self.options).and_then(|other| check_whole(&other, "quick_check"));
        let Err(error) = checked.map_err(|error| self.told(error)) else { return Ok(()) };
        if matches!(error, StorageError::Locked { .. }) {
            return Err(error);
        }
        // Pages of a log that is none any more are not to be copied into the database, which is as good as it was before.
        let _ = self.connection.set_db_config(KEEP_LOG, true);
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
        if !self.identity.is_none_or(|identity| identity.is_at(&self.path)) {
            return Err(StorageError::Removed { path: self.path.clone() });
        }
        self.lock.as_ref().map_or(Ok(()), Lock::check)?;
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

    /// Copies what the log has into the database, as far as no reader is in the middle of it, and waits for nobody.
    /// What cannot be copied is as safe where it is.
    pub(crate) fn copy_log(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }

    /// What the database and a log that was left say together was read whole, so the log is the database's own.
    pub(crate) fn trust_log(&self) {
        if self.lock.is_some() {
            let _ = self.connection.set_db_config(KEEP_LOG, false);
        }
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

impl Drop for Database {
    /// While others have the database open, SQLite would leave what was written in the log, and the database by itself could hold
    /// nothing. What cannot be copied stays in the log.
    fn drop(&mut self) {
        let is_kept = self.connection.db_config(KEEP_LOG).unwrap_or(true);
        if self.lock.is_some() && !is_kept {
            // Who reads just now is not waited for.
            let _ = self.connection.busy_timeout(Duration::ZERO);
            let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

fn connect_to_write(path: &Path, options: SqliteOptions, was_log_left: bool) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(no_address(path), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&connection, options)?;
    if was_log_left {
        connection.set_db_config(KEEP_LOG, true)?;
        check_whole(&connection, "integrity_check")?;
    }
    // A database of somebody else must be refused before anything is changed in it.
    check_versions(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = if options.durable { "full" } else { "normal" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    create_tables(&connection)?;
    Ok(connection)
}

/// Looks at all pages. SQLite takes any log that lies beside a database for the database's own: where a copy was put in the database's
/// place, the pages of both are no trees together, and rows and indexes contradict each other.
fn check_whole(connection: &Connection, pragma: &str) -> Result<(), DatabaseError> {
    let found: String = connection.query_row(&format!("PRAGMA {pragma}(1)"), [], |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        // A heading stands in front.
        found => Err(DatabaseError::Damaged(found.lines().last().unwrap_or_default().to_owned())),
    }
}

fn prepare(connection: &Connection, options: SqliteOptions) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(options.patience)
}

fn connect_to_read(path: &Path, options: SqliteOptions) -> Result<Connection, DatabaseError> {
    // A reader of a write-ahead log makes files for it where there are none. Who is allowed to write removes them again
    // with its connection, if it is the last one; nothing else is written. What a kill has left in a log is for the next
    // writer to copy, who looks first whether the log is the database's own.
    let was_log_left = is_log_left(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |connection: rusqlite::Result<Connection>| {
        let connection = connection?;
        prepare(&connection, options)?;
        connection.set_db_config(KEEP_LOG, was_log_left)?;
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
    // On a full disk the file for locks cannot be as long as it has to be.
    let codes = [
        ErrorCode::CannotOpen,
        ErrorCode::ReadOnly,
        ErrorCode::PermissionDenied,
        ErrorCode::SystemIoFailure,
        ErrorCode::DiskFull,
    ];
    error.sqlite_error_code().is_some_and(|code| codes.contains(&code))
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
