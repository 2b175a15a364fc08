//! Answers of flows that containers opened.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let each = |(server, host, inner)| {
        let v4 = IpAddr::is_ipv4(&host);
        [datagrams(server, host, inner), echoes(server, host, inner, v4)].concat()
    };
    ends().into_iter().flat_map(each).collect()
}

fn datagrams(server: IpAddr, host: IpAddr, inner: IpAddr) -> Vec<Case> {
    let mut rows = Vec::new();
    {
        let key = masqueraded_flow(end(server, 53), end(host, 6000), 17);
        let packet = from_outside(server, host, Body::Udp(53, 6000, vec![7])).bytes();
        let out = arrived(server, A, inner, Body::Udp(53, 4000, vec![7]));
        let to = delivered(A, end(inner, 4000));
        let opened = |w: &mut World, state, age| {
            let record = record(w, A, end(inner, 4000), state, age);
            enter(w, key, record);
        };
        rows.push(
            row(
                format!("the first answer to {host} establishes and is delivered"),
                packet.clone(),
                to,
            )
            .world(|w| opened(w, State::Unreplied, 0))
            .out(out.clone())
            .flows(&[(key, State::Established)]),
        );
        rows.push(
            row(format!("a further answer to {host} is delivered"), packet.clone(), to)
                .world(|w| opened(w, State::Established, 0))
                .out(out)
                .flows(&[(key, State::Established)]),
        );
        rows.push(
            row(
                format!("an answer to {host} that comes too late is the host's"),
                packet.clone(),
                Verdict::Pass,
            )
            .world(|w| opened(w, State::Unreplied, 121)),
        );
        rows.push(
            row(
                format!("an answer to {host} for a container that is gone is the host's"),
                packet,
                Verdict::Pass,
            )
            .world(|w| {
                opened(w, State::Established, 0);
                w.generations.insert(A.slot(), 1);
            }),
        );
        let stranger = from_outside(server, host, Body::Udp(54, 6000, vec![7])).bytes();
        rows.push(
            row(
                format!("another port of the server at {host} is the host's"),
                stranger,
                Verdict::Pass,
            )
            .world(|w| opened(w, State::Established, 0))
            .flows(&[(key, State::Established)]),
        );
    }
    rows
}

fn echoes(server: IpAddr, host: IpAddr, inner: IpAddr, v4: bool) -> Vec<Case> {
    let (protocol, request, reply) = if v4 { (1, 8, 0) } else { (58, 128, 129) };
    let key = masqueraded_flow(end(server, 0), end(host, 77), protocol);
    let opened = |w: &mut World| {
        let record = record(w, A, end(inner, 33), State::Unreplied, 0);
        enter(w, key, record);
    };
    let answer = from_outside(server, host, Body::Icmp(reply, 0, echo(77))).bytes();
    let inverted = from_outside(server, host, Body::Icmp(request, 0, echo(77))).bytes();
    vec![
        row(format!("an echo reply to {host} is delivered"), answer, delivered(A, end(inner, 33)))
            .world(opened)
            .out(arrived(server, A, inner, Body::Icmp(reply, 0, echo(33))))
            .flows(&[(key, State::Established)]),
        // GHSA-c66w-hq56-4q97: the direction of an echo is part of the flow.
        row(
            format!("an echo request to {host} with a known identifier is the host's"),
            inverted,
            Verdict::Pass,
        )
        .world(opened)
        .flows(&[(key, State::Unreplied)]),
    ]
}
