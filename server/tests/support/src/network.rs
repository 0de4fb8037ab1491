//! Machines of their own on networks of their own, on one machine: network namespaces, each joined
//! to bridges by pairs of virtual interfaces. A cable can be pulled and put back.
//!
//! ```text
//!   clients ----- 198.18.x.0/24 ------+-- node --+
//!                                     +-- node --+-- 198.19.x.0/24 --+-- engine --+
//!                                     +-- node --+                   +-- engine --+-- routes
//!                                                                    +-- engine --+
//! ```
//!
//! The addresses are those for measurements of networks (RFC 2544, appendix C.2.2), which no real
//! network has.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{self, Command},
};

/// Networks that one machine can have at the same time, as the third part of an address says.
const NETWORKS_MAX: u8 = 128;

/// A network that machines are joined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lan {
    /// Where clients reach nodes. The test is on it.
    Clients,
    /// Where nodes reach servers of NATS. The test is on it.
    Engine,
    /// Where servers of NATS reach each other.
    Routes,
}

impl Lan {
    const ALL: [Self; 3] = [Self::Clients, Self::Engine, Self::Routes];

    fn letter(self) -> char {
        match self {
            Self::Clients => 'c',
            Self::Engine => 'e',
            Self::Routes => 'r',
        }
    }

    fn address(self, network: u8, host: u8) -> Ipv4Addr {
        match self {
            Self::Clients => Ipv4Addr::new(198, 18, network, host),
            Self::Engine => Ipv4Addr::new(198, 19, network, host),
            Self::Routes => Ipv4Addr::new(198, 19, NETWORKS_MAX + network, host),
        }
    }
}

/// Three bridges. Machines on them must be dropped before.
#[derive(Debug)]
pub struct Network {
    number: u8,
}

impl Network {
    /// Makes one that no other test has.
    ///
    /// # Panics
    ///
    /// If this user may not make it.
    pub fn start() -> Self {
        let mut problem = String::new();
        for number in 0..NETWORKS_MAX {
            // The test that makes the first bridge has the number.
            let first = Self { number }.bridge(Lan::Clients);
            forget_if_its_test_has_died(number, &first);
            if let Err(error) = ip(&["link", "add", &first, "type", "bridge"]) {
                problem = error;
                continue;
            }
            let network = Self { number };
            network.make();
            return network;
        }
        panic!(
            "no network can be made ({}): the test needs network namespaces and bridges. Run it as \
             root, with iproute2",
            problem.trim()
        );
    }

    fn make(&self) {
        let owner = process::id().to_string();
        must(&["link", "set", &self.bridge(Lan::Clients), "alias", &owner]);
        for lan in Lan::ALL {
            let bridge = self.bridge(lan);
            if lan != Lan::Clients {
                must(&["link", "add", &bridge, "type", "bridge"]);
            }
            if lan != Lan::Routes {
                let address = format!("{}/24", lan.address(self.number, 1));
                must(&["address", "add", &address, "dev", &bridge]);
            }
            must(&["link", "set", &bridge, "up"]);
        }
    }

    /// A machine on some networks. Its number, which none of the others has, is the last part of
    /// its addresses.
    pub fn machine(&self, host: u8, lans: &[Lan]) -> Machine {
        let machine = Machine {
            network: self.number,
            host,
            lans: lans.to_vec(),
        };
        let name = machine.name();
        must(&["netns", "add", &name]);
        must(&["-netns", &name, "link", "set", "lo", "up"]);
        for lan in lans {
            let (outside, inside) = (machine.cable(*lan), format!("eth-{}", lan.letter()));
            let of = ["peer", "name", &inside, "netns", &name];
            must(&[&["link", "add", &outside, "type", "veth"][..], &of].concat());
            must(&["link", "set", &outside, "master", &self.bridge(*lan), "up"]);
            let address = format!("{}/24", machine.address(*lan));
            must(&["-netns", &name, "address", "add", &address, "dev", &inside]);
            must(&["-netns", &name, "link", "set", &inside, "up"]);
        }
        machine
    }

    fn bridge(&self, lan: Lan) -> String {
        format!("tickcast{}{}", self.number, lan.letter())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        forget(self.number);
    }
}

/// A network namespace with its cables. It goes when the test drops it, also after a panic.
#[derive(Debug)]
pub struct Machine {
    network: u8,
    host: u8,
    lans: Vec<Lan>,
}

impl Machine {
    /// Its address on a network.
    pub fn address(&self, lan: Lan) -> Ipv4Addr {
        lan.address(self.network, self.host)
    }

    /// A place on it where a program may listen.
    pub fn listen(&self, lan: Lan, port: u16) -> SocketAddr {
        SocketAddr::from((self.address(lan), port))
    }

    /// A program on it. The process is the program itself in the end, so signals reach it.
    pub fn within(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name()]).arg(program);
        command.env("PATH", path());
        command
    }

    /// Pulls the cable to a network: no packet gets through, and none is told so.
    pub fn cut(&self, lan: Lan) {
        must(&["link", "set", &self.cable(lan), "down"]);
    }

    /// Puts the cable back.
    pub fn join(&self, lan: Lan) {
        must(&["link", "set", &self.cable(lan), "up"]);
    }

    fn name(&self) -> String {
        format!("tickcast{}-{}", self.network, self.host)
    }

    /// The end of a cable that is outside of the machine.
    fn cable(&self, lan: Lan) -> String {
        format!("tickcast{}{}{}", self.network, lan.letter(), self.host)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // What is gone already needs no more.
        for lan in &self.lans {
            let _ = ip(&["link", "delete", &self.cable(*lan)]);
        }
        let _ = ip(&["netns", "delete", &self.name()]);
    }
}

/// The rest of a test that was killed would keep its number for ever.
fn forget_if_its_test_has_died(number: u8, bridge: &str) {
    let alias = fs::read_to_string(format!("/sys/class/net/{bridge}/ifalias"));
    let owner = alias.ok().and_then(|text| text.trim().parse::<u32>().ok());
    if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
        forget(number);
    }
}

/// Deletes what has this number, as far as it is there.
fn forget(number: u8) {
    let names = |output: &str| -> Vec<String> {
        let words = output.split_whitespace();
        words
            .map(|word| word.split(['@', ':']).next().unwrap_or(word).to_owned())
            .collect()
    };
    let start = format!("tickcast{number}");
    let is_own = |name: &String| {
        let rest = name.strip_prefix(&start);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let machines = ip(&["netns", "list"]).unwrap_or_default();
    for name in names(&machines).iter().filter(|name| is_own(name)) {
        let _ = ip(&["netns", "delete", name]);
    }
    let links = ip(&["-brief", "link", "show"]).unwrap_or_default();
    // The first bridge goes last: while it is there, the number is taken.
    let (mut links, last): (Vec<_>, Vec<_>) = names(&links)
        .into_iter()
        .filter(is_own)
        .partition(|name| *name != format!("{start}c"));
    links.extend(last);
    for name in links {
        let _ = ip(&["link", "delete", &name]);
    }
}

fn must(arguments: &[&str]) {
    if let Err(error) = ip(arguments) {
        panic!("ip {}: {}", arguments.join(" "), error.trim());
    }
}

/// Runs `ip`, and returns its output, or what it says is wrong.
fn ip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip")
        .env("PATH", path())
        .args(arguments)
        .output();
    let output = output.map_err(|error| format!("ip, of the package iproute2: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Debian installs servers, and programs for administrators, in folders that are not on every
/// user's path.
pub(crate) fn path() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin:/usr/local/sbin")
}
