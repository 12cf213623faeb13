// Reads all users with Okta's own client, and prints them as JSON. Its options come from the environment.
import dns from "node:dns";
import okta from "@okta/okta-sdk-nodejs";

// The host name of the simulator leads to this machine.
dns.lookup = (host, options, done) => done(null, options.all ? [{ address: "127.0.0.1", family: 4 }] : "127.0.0.1", 4);

const client = new okta.Client(JSON.parse(process.env.OPTIONS));
const read = async (parameters) => {
    const found = [];
    await (await client.userApi.listUsers({ limit: 50, ...parameters })).each((user) => void found.push(user));
    return found.map(({ id, status, profile }) => ({ id, status, login: profile.login, title: profile.title ?? null }));
};
const left = 'status eq "DEPROVISIONED"';
console.log(JSON.stringify([await read({}), await read({ filter: left })]));
