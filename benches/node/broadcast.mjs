// A plain broadcast server made with Node and ws: what comes from /publish goes to all clients on
// /subscribe. Argument: the port.
import { WebSocketServer } from 'ws';

const subscribers = new Set();

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  perMessageDeflate: false,
});

server.on('connection', (socket, request) => {
  socket.on('error', () => socket.terminate());
  if (request.url === '/publish') {
    socket.on('message', (update) => {
      for (const subscriber of subscribers) subscriber.send(update);
    });
    return;
  }
  subscribers.add(socket);
  socket.on('close', () => subscribers.delete(socket));
});
