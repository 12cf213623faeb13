"""The rules of the suite ``auth``, for connectors that fetch tokens. Others keep them as they are."""

from connector_core.testing.kit.tiers import Tier, rules

AUTH_RULES = rules(
    (
        "auth.once",
        Tier.SILVER,
        "A token is fetched once, however many requests wait for it, and wrong credentials are sent once.",
        "Counts token requests: where all tokens are revoked at each request in turn, and where a secret is mistyped.",
    ),
    (
        "auth.scope",
        Tier.SILVER,
        "Every token is requested with the scope and the audience that the manifest declares.",
        "Reads the token requests that the simulator's authorization server has received.",
    ),
    (
        "auth.expired",
        Tier.GOLD,
        "A token that expires in the middle of a run is renewed, and the run is complete.",
        "Lets tokens live for 20 seconds, and each answer take 12.",
    ),
    (
        "auth.revoked",
        Tier.GOLD,
        "A token that is revoked in the middle of a run is renewed, and the run is complete.",
        "Revokes all tokens at each request of a run in turn.",
    ),
    (
        "auth.stored",
        Tier.GOLD,
        "After every run, a cancelled one too, the stored refresh token works, however the provider rotates it.",
        "Runs twice with each way of rotation; cancels runs at each iteration around a renewal, and runs again.",
    ),
    (
        "auth.shared",
        Tier.GOLD,
        "A check and a run at the same time renew tokens once.",
        "Does both where a refresh token ends when it is used, and its second use would revoke all tokens.",
    ),
)
