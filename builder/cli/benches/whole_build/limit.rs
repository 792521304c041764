//! What no build from archives can be faster than: all that is compressed in them is decompressed, and thrown away.
//!
//! In one process on all cores, the largest archive first, with the library that the builder has; the modules of a kernel as soon as the
//! archive they are in is through. Nothing is hashed and nothing is written.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};
use std::thread;

use rootsmith_package::Compression;

/// Every `.deb` in the folder.
pub fn decompress(folder: &Path) {
    let archives = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut archives: Vec<(u64, PathBuf)> = archives
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "deb"))
        .map(|entry| (entry.metadata().unwrap().len(), entry.path()))
        .collect();
    archives.sort_by(|a, b| b.cmp(a));
    let jobs = archives.into_iter().map(|(_, path)| Job::Archive(path)).collect();
    let queue = Queue { state: Mutex::new((jobs, 0)), changed: Condvar::new() };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(job) = queue.next() {
                    queue.done(job.run());
                }
            });
        }
    });
}

enum Job {
    Archive(PathBuf),
    /// Compressed, of a kernel.
    Module(String, Vec<u8>),
}

impl Job {
    /// Its work, and what more there is to do after it.
    fn run(self) -> Vec<Job> {
        match self {
            Job::Module(name, data) => {
                io::copy(&mut Compression::of(&name).decoder(&data[..]).unwrap(), &mut io::sink()).unwrap();
                Vec::new()
            }
            Job::Archive(path) => {
                let (name, data) = data_of(&path);
                let mut data = Compression::of(&name).decoder(BufReader::with_capacity(64 << 10, data)).unwrap();
                if !path.file_name().unwrap().to_string_lossy().starts_with("linux-image-") {
                    io::copy(&mut data, &mut io::sink()).unwrap();
                    return Vec::new();
                }
                modules(&mut data)
            }
        }
    }
}

/// The member `data.tar.*` of a package (`deb(5)`): headers of 60 bytes, each before its member, which begins at an even byte.
fn data_of(path: &Path) -> (String, io::Take<File>) {
    let mut file = File::open(path).unwrap();
    file.read_exact(&mut [0; 8]).unwrap();
    loop {
        let mut header = [0; 60];
        file.read_exact(&mut header).unwrap();
        let field = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).unwrap().trim().to_owned();
        let (name, size): (String, u64) = (field(0..16), field(48..58).parse().unwrap());
        if name.starts_with("data.tar") {
            return (name, file.take(size));
        }
        io::copy(&mut (&mut file).take(size.next_multiple_of(2)), &mut io::sink()).unwrap();
    }
}

fn modules(data: &mut dyn Read) -> Vec<Job> {
    let mut modules = Vec::new();
    for entry in tar::Archive::new(data).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.ends_with(".ko.xz") {
            let mut data = Vec::new();
            entry.read_to_end(&mut data).unwrap();
            modules.push(Job::Module(name, data));
        }
    }
    modules
}

struct Queue {
    /// What is to be done, and how much is being done.
    state: Mutex<(VecDeque<Job>, usize)>,
    changed: Condvar,
}

impl Queue {
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(job) = state.0.pop_front() {
                state.1 += 1;
                return Some(job);
            }
            if state.1 == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap();
        }
    }

    fn done(&self, more: Vec<Job>) {
        let mut state = self.state.lock().unwrap();
        state.0.extend(more);
        state.1 -= 1;
        self.changed.notify_all();
    }
}
