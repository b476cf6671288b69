from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("salons", "0003_districts_become_rows")]

    operations = [
        migrations.RemoveField("salon", "district_text"),
        migrations.RemoveField("salon", "district_ar"),
        migrations.RemoveField("salon", "district_en"),
    ]
