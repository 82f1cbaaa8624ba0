// Runs coin-hive-stratum between browsers and a pool, without its donations: proxy.js LISTEN_ADDRESS PORT POOL_HOST POOL_PORT
const createProxy = require(require.resolve("coin-hive-stratum", { paths: [process.env.NODE_MODULES] }));
const [address, port, poolHost, poolPort] = process.argv.slice(2);
createProxy({ host: poolHost, port: Number(poolPort), log: false, donations: [] }).listen({ host: address, port: Number(port) });
