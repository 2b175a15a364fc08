//! The flow tables: how large they are, and what the agent's sweep makes of what is in them.

use aya::{
    EbpfLoader,
    maps::{Array, HashMap, Map, MapData, MapError},
};
use netd::kernel::dataplane::{Fill, FlowTables, OBJECT, Swept};
use netd_common::{
    abi::{
        FLOW_MASQUERADED, FLOW_PUBLISHED, Flow, FlowKey, FragmentEntry, FragmentKey, Timeouts,
        Usage, maps,
    },
    address::Address,
    conntrack::State,
    parse::{TCP, UDP},
};
use netd_tests::{ns::is_root, pins::Pins};

/// The object's maps, small ones, and a hand on them.
struct Tables {
    pins: Pins,
    tables: FlowTables,
}

impl Tables {
    fn new(flows: u32) -> Self {
        let pins = Pins::new().unwrap();
        let mut loader = EbpfLoader::new();
        loader.default_map_pin_directory(&pins.0).map_max_entries(maps::FLOWS, flows);
        loader.load(OBJECT).unwrap();
        let tables = FlowTables::open(&pins.0, Timeouts::DEFAULT).unwrap();
        Self { pins, tables }
    }

    fn map<T: TryFrom<Map, Error = MapError>>(&self, name: &str) -> T {
        let data = MapData::from_pin(self.pins.0.join(name)).unwrap();
        T::try_from(Map::from_map_data(data).unwrap()).unwrap()
    }

    fn put(&self, table: &str, key: FlowKey, flow: Flow) {
        let mut map: HashMap<MapData, FlowKey, Flow> = self.map(table);
        map.insert(key, flow, 0).unwrap();
    }

    fn ports(&self, table: &str) -> Vec<u16> {
        let map: HashMap<MapData, FlowKey, Flow> = self.map(table);
        let mut ports: Vec<u16> =
            map.keys().map(|key| u16::from_be_bytes(key.unwrap().remote_port)).collect();
        ports.sort_unstable();
        ports
    }
}

/// A flow to remote port `port`, masqueraded behind 192.0.2.1.
fn key(port: u16, protocol: u8) -> FlowKey {
    FlowKey {
        local: Address::v4([192, 0, 2, 1]),
        remote_port: port.to_be_bytes(),
        protocol,
        kind: FLOW_MASQUERADED,
        ..FlowKey::default()
    }
}

/// An established flow of network `network` that was idle for `seconds`.
fn flow(network: u32, seconds: u64) -> Flow {
    let last_seen = NOW - seconds * 1_000_000_000;
    Flow { last_seen, network, state: State::Established as u8, slot: 7, ..Flow::default() }
}

/// Ten days after the machine's start.
const NOW: u64 = 864_000_000_000_000;

#[test]
fn the_sweep_removes_what_is_dead_and_counts_the_rest() {
    if !is_root() {
        return;
    }
    let mut all = Tables::new(1_024);
    let mut generations: Array<MapData, u32> = all.map(maps::GENERATIONS);
    generations.set(8, 1, 0).unwrap();
    for (port, protocol, network, seconds) in
        [(1, TCP, 3, 0), (2, TCP, 3, 7_000), (3, UDP, 4, 10), (4, UDP, 4, 310)]
    {
        all.put(maps::FLOWS, key(port, protocol), flow(network, seconds));
    }
    // Its endpoint is gone.
    all.put(maps::FLOWS, key(5, TCP), Flow { slot: 8, ..flow(3, 0) });
    for table in [maps::UNREPLIED, maps::CROWDED] {
        for (port, seconds) in [(6, 100), (7, 130)] {
            let state = State::Unreplied as u8;
            all.put(table, key(port, UDP), Flow { state, ..flow(4, seconds) });
        }
    }
    let mut fragments: HashMap<MapData, FragmentKey, FragmentEntry> = all.map(maps::FRAGMENTS);
    for (id, seconds) in [(1, 0), (2, 31)] {
        let entry = FragmentEntry { seen: flow(0, seconds).last_seen, ..FragmentEntry::default() };
        fragments
            .insert(FragmentKey { id: [0, 0, 0, id], ..FragmentKey::default() }, entry, 0)
            .unwrap();
    }
    let mut usage: Array<MapData, Usage> = all.map(maps::USAGE);
    usage.set(9, Usage { established: 5, opened: 2, ..Usage::default() }, 0).unwrap();

    assert_eq!(all.tables.sweep_at(NOW).unwrap(), Swept { removed: 5, established: 3 });
    assert_eq!(all.ports(maps::FLOWS), [1, 2, 3]);
    assert_eq!((all.ports(maps::UNREPLIED), all.ports(maps::CROWDED)), (vec![6], vec![6]));
    let [established, _, _, fragments] = all.tables.fill();
    assert_eq!(established, Fill { name: "established", entries: 3, capacity: 1_024 });
    assert_eq!(fragments.entries, 1);
    let counts = [3, 4, 9].map(|network| usage.get(&network, 0).unwrap().established);
    assert_eq!(counts, [2, 1, 0]);
    assert_eq!(usage.get(&9, 0).unwrap().opened, 2, "the programs' own counts stay");
    assert_eq!(all.tables.sweep_at(NOW).unwrap(), Swept { removed: 0, established: 3 });
}

#[test]
fn idle_tcp_makes_room_in_a_full_table_and_goes_by_the_configured_time_else() {
    if !is_root() {
        return;
    }
    let mut all = Tables::new(1_024);
    let keep = |port: u16, seconds| all.put(maps::FLOWS, key(port, TCP), flow(1, seconds));
    (0..500).for_each(|port| keep(port, 7_300));
    (500..800).for_each(|port| keep(port, 7_500));
    assert_eq!(all.tables.sweep_at(NOW).unwrap(), Swept { removed: 0, established: 800 });
    let keep = |port: u16, seconds| all.put(maps::FLOWS, key(port, TCP), flow(1, seconds));
    (800..1_000).for_each(|port| keep(port, 7_300));
    assert_eq!(all.tables.sweep_at(NOW).unwrap(), Swept { removed: 300, established: 700 });
}

#[test]
fn only_the_flows_of_a_vanished_address_are_void() {
    if !is_root() {
        return;
    }
    let mut all = Tables::new(1_024);
    let [gone, kept] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(Address::v4);
    for (port, local) in [(1, gone), (2, kept)] {
        all.put(maps::FLOWS, FlowKey { local, ..key(port, TCP) }, flow(1, 0));
        all.put(maps::UNREPLIED, FlowKey { local, ..key(port, UDP) }, flow(1, 0));
    }
    for (port, peer) in [(3, gone), (4, kept)] {
        let container = Address::v4([172, 18, 0, 2]);
        let key = FlowKey { kind: FLOW_PUBLISHED, local: container, ..key(port, TCP) };
        all.put(maps::FLOWS, key, Flow { peer, ..flow(1, 0) });
    }
    let vanished = ["192.0.2.1".parse().unwrap(), "2001:db8::9".parse().unwrap()].into();
    assert_eq!(all.tables.void(&vanished).unwrap(), 3);
    assert_eq!((all.ports(maps::FLOWS), all.ports(maps::UNREPLIED)), (vec![2, 4], vec![2]));
}
