//! Services that well-known programs talk to.

/// A DNS server on both families, by UDP and TCP, on the port in its first argument: every name has
/// the address 192.0.2.7.
pub const DNS: &str = "
import socket, struct, sys, threading
def answer(q):
    end = q.index(b'\\0', 12) + 5
    head = q[:2] + b'\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0'
    return head + q[12:end] + b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\0\\0\\4\\xc0\\0\\2\\7'
port = int(sys.argv[1])
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
u.bind(('::', port))
def datagrams():
    while True:
        q, a = u.recvfrom(2000)
        u.sendto(answer(q), a)
threading.Thread(target=datagrams, daemon=True).start()
t = socket.create_server(('::', port), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, a = t.accept()
    f = c.makefile('rwb')
    r = answer(f.read(struct.unpack('>H', f.read(2))[0]))
    f.write(struct.pack('>H', len(r)) + r)
    f.flush()
    c.close()
";

/// An HTTP server on both families, on the port in its first argument: GET gives as many bytes as
/// the second says, PUT says how many came.
pub const HTTP: &str = "
import http.server, socket, sys
size = int(sys.argv[2])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', size)
        self.end_headers()
        left, block = size, bytes(1 << 16)
        while left:
            left -= self.wfile.write(block[:left])
    def do_PUT(self):
        got = 0
        if 'chunked' in self.headers.get('Transfer-Encoding', ''):
            while n := int(self.rfile.readline(), 16):
                got += len(self.rfile.read(n))
                self.rfile.readline()
            self.rfile.readline()
        else:
            got = len(self.rfile.read(int(self.headers['Content-Length'])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'%d' % got)
    def handle_expect_100(self):
        self.send_response_only(100)
        self.end_headers()
        return True
    def log_message(self, *args):
        pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super(http.server.HTTPServer, self).server_bind()
Server(('::', int(sys.argv[1])), Handler).serve_forever()
";
