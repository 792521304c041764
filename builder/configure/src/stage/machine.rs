//! What is each machine's own, or made by programs that only it can run, and so is not in an image (decision 0013).

/// What is read there no two machines may share.
pub(super) const RANDOM: [&str; 2] = ["/dev/random", "/dev/urandom"];

/// Programs that make keys, names and databases which no two machines may share.
const MADE_ON_THE_MACHINE: [&str; 13] = [
    "iscsi-iname",
    "make-ssl-cert",
    "makepasswd",
    "mariadb-install-db",
    "mcookie",
    "mysql_install_db",
    "openssl",
    "pg_createcluster",
    "pwgen",
    "rndc-confgen",
    "slapadd",
    "ssh-keygen",
    "uuidgen",
];

/// Programs that make indexes without which others do not work, in forms of their own.
const MADE_BY_PROGRAMS: [&str; 3] = ["gdk-pixbuf-query-loaders", "gtk-query-immodules-3.0", "update-mime-database"];

/// Whether a command makes what only the machine can make.
pub(super) fn is_made_there(words: &[String]) -> bool {
    command(words).is_some_and(|name| MADE_ON_THE_MACHINE.contains(&name)) || is_index(words)
}

/// Whether a command makes an index that the profile may leave out.
pub(super) fn is_index(words: &[String]) -> bool {
    command(words).is_some_and(|name| MADE_BY_PROGRAMS.contains(&name))
}

fn command(words: &[String]) -> Option<&str> {
    words.first().map(|name| name.rsplit('/').next().unwrap_or(name))
}
