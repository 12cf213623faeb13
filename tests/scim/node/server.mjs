// A SCIM server of scimmy-routers on Express. It keeps users and groups in memory, and prints its port.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMYRouters, { SCIMMY } from "scimmy-routers";

const { Resources, Schemas, Types } = SCIMMY;
Resources.User.extend(Schemas.EnterpriseUser);
for (const Resource of [Resources.User, Resources.Group]) {
    const kept = new Map();
    const known = (id) => {
        if (!kept.has(id)) throw new Types.Error(404, null, `${id} is unknown`);
        return kept.get(id);
    };
    Resources.declare(Resource, {
        egress: ({ id }) => (id ? known(id) : [...kept.values()]),
        ingress: ({ id = randomUUID() }, data) => {
            const lastModified = new Date();
            const { created = lastModified } = kept.get(id)?.meta ?? {};
            kept.set(id, { ...JSON.parse(JSON.stringify(data)), id, meta: { created, lastModified } });
            return kept.get(id);
        },
        degress: ({ id }) => void (known(id) && kept.delete(id)),
    });
}

const handler = (request) => {
    if (request.header("Authorization") !== `Bearer ${process.env.TOKEN}`) throw new Error("The token is unknown");
    return "reader";
};
const server = express()
    .use("/scim/v2", new SCIMMYRouters({ type: "bearer", handler }))
    .listen(0, "127.0.0.1", () => console.log(server.address().port));
