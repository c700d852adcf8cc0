import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;

/** Starts one Elasticsearch node: arguments are its home, a folder for its data, and its port. */
public class Elasticsearch {
    public static void main(String[] arguments) throws Exception {
        Path data = Path.of(arguments[1]);
        Settings settings = Settings.builder()
            .put("path.home", arguments[0])
            .put("path.data", data.toString())
            .put("path.logs", data.resolve("logs").toString())
            .put("node.name", "test")
            .put("discovery.type", "single-node")
            .put("http.host", "127.0.0.1")
            .put("http.port", arguments[2])
            .put("transport.host", "127.0.0.1")
            .put("transport.port", "0")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .put("cluster.max_shards_per_node", 5000)
            .build();
        LogConfigurator.configureWithoutConfig(settings);
        LogConfigurator.setNodeName("test");
        new Node(new Environment(settings, data.resolve("config"))).start();
        new CountDownLatch(1).await();
    }
}
