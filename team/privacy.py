from core.privacy import declare

declare(
    "team.Workspace",
    neutral="id name time_zone currency language postal_address logo colour fallback_owner day_start day_end"
    " account_ask_limit account_ask_days"
    " minimum_tenure_days partial_hours edit_hours creates_contacts notices_per_hour require_mfa is_demo",
)
declare("team.Team", neutral="id name")
declare(
    "team.User",
    personal="email name title phone password",
    neutral="id role team time_zone is_active is_superuser session_epoch last_login created_at groups user_permissions",
)
declare("team.RoleScope", neutral="id role scope")
declare(
    "team.ApiKey",
    neutral="id name user prefix digest scopes rate_limit created_at created_by expires_at revoked_at last_used_at",
)
declare("team.AuditEntry", personal="ip", neutral="id at actor api_key action object_type object_id detail")
declare(
    "team.NotificationPreference",
    neutral="id user choices quiet_from quiet_until is_quiet_at_weekends digest digest_at digest_on_workdays_only",
)
