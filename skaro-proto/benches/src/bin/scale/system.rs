//! Measurements of processes on Linux.

use std::fs;

/// Prints the memory of the server's process at this number of connections, in bytes, and the kernel's memory for
/// sockets and for everything else on the machine. Half of the kernel's memory for a loopback connection belongs to the
/// server's end.
pub fn print_memory(pid: &str, connections: usize) {
    let process = kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Rss:");
    let kernel = kilobytes("/proc/meminfo", "Slab:") + socket_buffers() / 1024;
    println!("memory\t{connections}\t{}\t{}", process * 1024, kernel * 1024);
}

fn kilobytes(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Returns the bytes in the buffers of all TCP sockets.
fn socket_buffers() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap();
    let words = text.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap().split_whitespace();
    let pages: u64 = words.skip_while(|word| *word != "mem").nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Processor time, in hundredths of a second.
#[derive(Clone, Copy)]
pub struct Work {
    server: u64,
    here: u64,
    /// Used by the whole machine.
    all: u64,
}

impl Work {
    pub fn so_far(pid: &str) -> Work {
        Work { server: process(pid), here: process("self"), all: machine() }
    }

    /// Used by the server, by this process, and by others.
    pub fn since(self, before: Work) -> [u64; 3] {
        let (server, here) = (self.server - before.server, self.here - before.here);
        [server, here, (self.all - before.all).saturating_sub(server + here)]
    }
}

fn process(pid: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The text before the last parenthesis may contain anything.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..=12].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}

fn machine() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let fields = text.lines().next().unwrap().split_whitespace().skip(1);
    let times: Vec<u64> = fields.take(8).map(|field| field.parse().unwrap()).collect();
    // All states except idle and waiting for disks.
    times.iter().sum::<u64>() - times[3] - times[4]
}
