import de.bwaldvogel.mongo.ServerVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

/** A MongoDB 5.0 wire server on loopback that keeps everything in memory: MongoServer.java PORT. */
public class MongoServer {
	public static void main(String[] args) {
		// Mongoose 8 refuses the wire version of the back end's default, 3.0.
		var backend = new MemoryBackend().version(ServerVersion.MONGO_5_0);
		var server = new de.bwaldvogel.mongo.MongoServer(backend);
		server.bind("127.0.0.1", Integer.parseInt(args[0]));
		System.out.println("Waiting for connections on port " + args[0]);
	}
}
