//! Which applets a BusyBox has, read out of its program: a link to it under another name does nothing.

/// Shorter lists are something else: a busybox of one applet has no list.
const LEAST: usize = 8;
/// `beep` to `start-stop-daemon`, and room.
const LONGEST: usize = 32;

/// The names of its applets, sorted: `applet_names`, one after the other, each closed by a NUL. They are the longest run
/// of sorted words in the file. Empty when there is none.
pub fn applets(data: &[u8]) -> Vec<&str> {
    let mut best: Vec<&str> = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    // The first name follows whatever came before: the run begins with what is a word from the last byte on that is none.
    for bytes in data.split(|&b| b == 0) {
        let start = bytes.iter().rposition(|&b| !is_of_word(b)).map_or(0, |at| at + 1);
        let word = std::str::from_utf8(&bytes[start..]).ok().filter(|word| (1..=LONGEST).contains(&word.len()));
        match word {
            Some(word) if start == 0 && run.last().is_none_or(|last| *last < word) => run.push(word),
            word => {
                keep_longer(&mut best, &mut run);
                run.extend(word);
            }
        }
    }
    keep_longer(&mut best, &mut run);
    if best.len() >= LEAST { best } else { Vec::new() }
}

fn keep_longer<'d>(best: &mut Vec<&'d str>, run: &mut Vec<&'d str>) {
    if run.len() > best.len() {
        std::mem::swap(best, run);
    }
    run.clear();
}

fn is_of_word(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b"[_-.".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_sorted_list_is_found() {
        let data = b"\x01\x02mount\0umount\0other\0\xff[\0[[\0ash\0cat\0halt\0init\0mount\0reboot\0sh\0umount\0BusyBox v1.36\0a\0b\0";
        assert_eq!(applets(data), ["[", "[[", "ash", "cat", "halt", "init", "mount", "reboot", "sh", "umount"]);
        assert_eq!(applets(b"a\0b\0c\0"), Vec::<&str>::new());
        assert_eq!(applets(b""), Vec::<&str>::new());
    }
}
