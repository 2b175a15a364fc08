//! A connection that is given up when its client does not take what it asked for.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
    time::{Sleep, sleep},
};

/// A stream whose writes fail when nothing of them is read for too long.
pub(super) struct Stream {
    stream: UnixStream,
    stalled: Option<Pin<Box<Sleep>>>,
    limit: Duration,
}

impl Stream {
    /// `limit` is how long a client may leave it unread.
    pub(super) fn new(stream: UnixStream, limit: Duration) -> Self {
        Self { stream, stalled: None, limit }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(context, bytes) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn who_does_not_read_is_given_up_and_who_reads_slowly_is_not() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut near = Stream::new(near, Duration::from_millis(400));
        let writing = tokio::spawn(async move {
            let done = near.write_all(&vec![0; 8 << 20]).await;
            done.map_err(|e| e.kind())
        });
        let mut some = vec![0; 1 << 20];
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            far.read_exact(&mut some).await.unwrap();
        }
        assert!(!writing.is_finished());
        assert_eq!(writing.await.unwrap(), Err(io::ErrorKind::TimedOut));
    }
}
