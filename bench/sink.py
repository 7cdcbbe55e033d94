"""A mail server that takes everything, for what is measured beside it."""

import socket
import threading


def sink(listener: socket.socket) -> None:
    """A mail server that takes everything and keeps nothing. The product keeps its connection, so each has a thread."""
    while True:
        client, _ = listener.accept()
        threading.Thread(target=swallow, args=(client,), daemon=True).start()


def swallow(client: socket.socket) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"220 sink\r\n")
    buffer, in_data = b"", False
    while chunk := client.recv(262_144):
        buffer += chunk
        answers: list[bytes] = []
        while (end := buffer.find(mark := b"\r\n.\r\n" if in_data else b"\r\n")) >= 0:
            line, buffer = buffer[:end], buffer[end + len(mark) :]
            verb = line[:4].upper()
            if in_data:
                in_data = False
                answers.append(b"250 2.0.0 taken\r\n")
            elif verb == b"DATA":
                in_data = True
                answers.append(b"354 go on\r\n")
            elif verb == b"EHLO":
                answers.append(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"QUIT":
                answers.append(b"221 bye\r\n")
            else:
                answers.append(b"250 2.1.0 ok\r\n")
        client.sendall(b"".join(answers))
    client.close()
