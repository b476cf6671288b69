"""An attempt's number is unique within its message: that index serves, a second one costs every message."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0008_known_words'),
    ]

    operations = [
        migrations.AlterField(
            model_name='deliveryattempt',
            name='message',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='delivery_attempts', to='notifications.message'),
        ),
    ]
