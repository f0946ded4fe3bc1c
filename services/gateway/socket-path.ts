/** Where sockets are opened; the only requests that may ask the gateway's server for another protocol. */
export const socketPath = "/socket.io/";
