"""A count keeps when its window ends, so that windows of different lengths are taken in one statement and purged.

Running counts begin anew: where a window began does not say when it ends.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('core', '0003_alarms')]

    operations = [
        migrations.RunSQL('DELETE FROM core_ratecount', 'DELETE FROM core_ratecount'),
        migrations.RenameField('ratecount', 'window_started_at', 'ends_at'),
        migrations.AlterField('ratecount', 'ends_at', models.DateTimeField(db_index=True)),
    ]
