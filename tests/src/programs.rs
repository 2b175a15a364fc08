//! Small servers and clients that run in containers and namespaces: Python, so that any host has
//! them.

pub mod services;

/// A TCP server on both families that tells each client the address it sees.
pub const TCP_SERVER: &str = "
import socket, sys
s = socket.create_server(('::', int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, a = s.accept()
    c.sendall(a[0].removeprefix('::ffff:').encode())
    c.close()
";

/// A UDP server on both families that tells each client the address it sees, and the word in its
/// second argument.
pub const UDP_SERVER: &str = "
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(('::', int(sys.argv[1])))
while True:
    d, a = s.recvfrom(2000)
    s.sendto((a[0].removeprefix('::ffff:') + ' ' + sys.argv[2]).encode(), a)
";

/// A TCP client: prints what the server at the address and port in its arguments says.
pub const TCP_CLIENT: &str = "
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
print(c.recv(200).decode())
";

/// A UDP client: prints what the server says, and the address and port that it seems to come from.
/// The fourth argument is its own port, 0 for any; the fifth says `connected` or not.
pub const UDP_CLIENT: &str = "
import socket, sys
host, port, timeout, own, how = sys.argv[1:6]
family = socket.AF_INET6 if ':' in host else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(float(timeout))
s.bind(('', int(own)))
if how == 'connected':
    s.connect((host, int(port)))
    s.send(b'x')
    print(s.recv(200).decode(), *s.getpeername()[:2])
else:
    s.sendto(b'x', (host, int(port)))
    d, a = s.recvfrom(200)
    print(d.decode(), a[0], a[1])
";

/// Sends the frames in its further arguments, in hexadecimal, by the device in its first.
pub const RAW_SENDER: &str = "
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for frame in sys.argv[2:]:
    s.send(bytes.fromhex(frame))
";

/// Lets a device send packets with complete checksums, where it would leave them to whoever gets
/// them: SIOCETHTOOL with ETHTOOL_STXCSUM.
pub const COMPLETE_CHECKSUMS: &str = "
import array, fcntl, socket, struct, sys
command = array.array('B', struct.pack('II', 0x17, 0))
request = struct.pack('16sP', sys.argv[1].encode(), command.buffer_info()[0])
fcntl.ioctl(socket.socket(), 0x8946, request.ljust(40, bytes(1)))
";

/// Says whether a device puts received packets together, 1 or 0: SIOCETHTOOL with ETHTOOL_GGRO.
pub const AGGREGATION: &str = "
import array, fcntl, socket, struct, sys
command = array.array('B', struct.pack('II', 0x2b, 0))
request = struct.pack('16sP', sys.argv[1].encode(), command.buffer_info()[0])
fcntl.ioctl(socket.socket(), 0x8946, request.ljust(40, bytes(1)))
print(struct.unpack('II', command)[1])
";

/// A TCP server that sends each client ten million bytes.
pub const BULK_SERVER: &str = "
import socket, sys
s = socket.create_server(('::', int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, a = s.accept()
    c.sendall(bytes(10_000_000))
    c.close()
";

/// A TCP client: prints how many bytes the server at the address and port in its arguments sends.
pub const BULK_CLIENT: &str = "
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
n = 0
while d := c.recv(1 << 20):
    n += len(d)
print(n)
";

/// One TCP connection, kept open: sends a line fifty times a second until its standard input ends,
/// and ends with an error as soon as an echo is later than two seconds.
pub const STEADY_CLIENT: &str = "
import select, socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
f = c.makefile('rwb', buffering=0)
n = 0
while True:
    f.write(b'%d\\n' % n)
    if f.readline() != b'%d\\n' % n:
        sys.exit('the connection broke')
    n += 1
    if n == 1:
        print('open', flush=True)
    if select.select([sys.stdin], [], [], 0.02)[0]:
        break
print('done', flush=True)
";

/// A TCP server that sends back what it gets.
pub const ECHO_SERVER: &str = "
import socket, sys, threading
def serve(c):
    while True:
        d = c.recv(2000)
        if not d:
            return
        c.sendall(d)
s = socket.create_server(('::', int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, a = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
";

/// A UDP listener on both families that prints each datagram on a line of its own.
pub const LISTENER: &str = "
import select, socket, sys
port = int(sys.argv[1])
both = [socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)]
both[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for s, any in zip(both, ('0.0.0.0', '::')):
    s.bind((any, port))
while True:
    for s in select.select(both, [], [])[0]:
        print(s.recv(2000).decode(), flush=True)
";

/// Sends a datagram to the port in its first argument at each further one, an address that may be
/// everybody's. It says the address.
pub const CALLER: &str = "
import socket, sys
for host in sys.argv[2:]:
    kind, _, _, _, to = socket.getaddrinfo(host, int(sys.argv[1]), type=socket.SOCK_DGRAM)[0]
    s = socket.socket(kind, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.sendto(host.encode(), to)
";
