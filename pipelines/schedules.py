"""What starts at its hour, in the shop's time zone. Whatever follows from it the sensors make."""

from datetime import timedelta

import dagster as dg

from pipelines.jobs import MAINTAIN, REPORT, RETRAIN, report_config
from pipelines.report import week_before
from pipelines.run import TAKE_IN, Wanted, range_tags, todo
from pipelines.settings import Settings
from warehouse.plan import month_before


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Give the schedules of a home; each is switched on in the UI."""

    @dg.schedule(
        job_name=TAKE_IN,
        cron_schedule=settings.nightly,
        execution_timezone=settings.timezone,
        description="Takes in what is new in landing/ every night, for shops that keep sensor new_files switched off.",
    )
    def nightly() -> dg.RunRequest | dg.SkipReason:
        if not todo(settings, Wanted()).files:
            return dg.SkipReason("No file in landing/ is new.")
        return dg.RunRequest()

    @dg.schedule(
        job_name=RETRAIN,
        cron_schedule=settings.month_end,
        execution_timezone=settings.timezone,
        description="Fits anew what is fitted, for the month that ended.",
    )
    def month_end(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        ended = month_before(context.scheduled_execution_time.date().replace(day=1))
        if ended not in todo(settings, Wanted()).brought:
            return dg.SkipReason(f"No file has brought {ended:%Y-%m}.")
        return dg.RunRequest(run_key=str(ended), tags=range_tags([ended]))

    @dg.schedule(
        job_name=REPORT,
        cron_schedule=settings.weekly_report,
        execution_timezone=settings.timezone,
        description="Reports on the week that ended, in exports/reports/.",
    )
    def weekly_report(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        first, last = week_before(context.scheduled_execution_time.date())
        return dg.RunRequest(run_key=str(first), run_config=report_config(first, last))

    @dg.schedule(
        job_name=REPORT,
        cron_schedule=settings.monthly_report,
        execution_timezone=settings.timezone,
        description="Reports on the month that ended, in exports/reports/.",
    )
    def monthly_report(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        begun = context.scheduled_execution_time.date().replace(day=1)
        first, last = month_before(begun), begun - timedelta(days=1)
        return dg.RunRequest(run_key=str(first), run_config=report_config(first, last))

    weekly_maintenance = dg.ScheduleDefinition(
        name="weekly_maintenance",
        job_name=MAINTAIN,
        cron_schedule=settings.weekly_maintenance,
        execution_timezone=settings.timezone,
        description="Merges small files, expires old snapshots and deletes what nothing names any more.",
    )
    return [nightly, month_end, weekly_report, monthly_report, weekly_maintenance]
