"""The resource types that this release deploys, one small module each.

Owns the table. A type is added by its module and a line here; the engine knows none.
"""

from poolhouse.stacks.resource import ResourceTypes


def resource_types() -> ResourceTypes:
    """Every type by its CloudFormation name."""
    # Imported when a deployer is made: a process that only describes templates needs no operations.
    from poolhouse.stacks.resources.apigateway_deployment import DEPLOYMENT
    from poolhouse.stacks.resources.apigateway_rest_api import REST_API
    from poolhouse.stacks.resources.apigateway_stage import STAGE
    from poolhouse.stacks.resources.cognito_user_pool import USER_POOL
    from poolhouse.stacks.resources.cognito_user_pool_client import USER_POOL_CLIENT
    from poolhouse.stacks.resources.iam_role import ROLE
    from poolhouse.stacks.resources.lambda_function import FUNCTION
    from poolhouse.stacks.resources.lambda_permission import PERMISSION
    from poolhouse.stacks.resources.logs_log_group import LOG_GROUP

    rows = (USER_POOL, USER_POOL_CLIENT, REST_API, DEPLOYMENT, STAGE, FUNCTION, PERMISSION, ROLE, LOG_GROUP)
    return {row.name: row for row in rows}
